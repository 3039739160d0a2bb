//! What a shared cache may store and reuse (RFC 9111), as pure functions.
