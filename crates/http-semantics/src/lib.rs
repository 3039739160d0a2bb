//! HTTP field values, parsed: Cache-Control, Accept-Encoding, ETag, Vary, dates (RFC 9110, RFC 9111).
