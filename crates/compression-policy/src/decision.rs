//! Which responses are compressed, and in which way.

use crate::content_types::is_streaming;
use crate::{Coding, Config, Mode, OPT_OUT, Request};
use http_semantics::{CacheControl, ContentCoding, Fields, list};

/// A response's head.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a, F: ?Sized> {
    /// Status code.
    pub status: u16,
    /// Fields.
    pub fields: &'a F,
    /// Bytes of the body, where that is known before it has come.
    pub length: Option<u64>,
    /// Trailers will follow the body.
    pub trailers: bool,
}

impl<'a, F: Fields + ?Sized> Response<'a, F> {
    /// A response whose head is here. `empty` says that no body follows although the request was for one; otherwise
    /// the length is Content-Length's. Trailers are announced by Trailer (RFC 9110 §6.6.2).
    pub fn new(status: u16, fields: &'a F, empty: bool) -> Response<'a, F> {
        let length = if empty { Some(0) } else { fields.first("content-length").and_then(decimal) };
        Response { status, fields, length, trailers: fields.contains("trailer") }
    }
}

/// Why a response is sent as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The status has no content, or stands for a part of it.
    Status,
    /// The service has encoded the response (RFC 9110 §8.4).
    Encoded,
    /// The service forbids it by `Cache-Control: no-transform` (RFC 9110 §7.7).
    NoTransform,
    /// The body is a part of a representation (RFC 9110 §14.4).
    Range,
    /// The service opted out by [`OPT_OUT`].
    ServiceOptOut,
    /// The body is delivered piece by piece.
    Streaming,
    /// The content type is not on the list.
    ContentType,
    /// The body is too short to gain anything.
    TooSmall,
    /// The body is longer than what is held.
    TooLarge,
    /// Trailers will follow, and the body cannot be held until then.
    Trailers,
    /// The response to HEAD has no body.
    Head,
    /// The client opted out by [`OPT_OUT`].
    ClientOptOut,
    /// The client forbids it by `Cache-Control: no-transform`.
    ClientNoTransform,
    /// The client accepts none of the codings, or likes identity better.
    NotAccepted,
}

impl Skip {
    /// The reason as a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Skip::Status => "status",
            Skip::Encoded => "encoded",
            Skip::NoTransform => "no_transform",
            Skip::Range => "range",
            Skip::ServiceOptOut => "service_opt_out",
            Skip::Streaming => "streaming",
            Skip::ContentType => "content_type",
            Skip::TooSmall => "too_small",
            Skip::TooLarge => "too_large",
            Skip::Trailers => "trailers",
            Skip::Head => "head",
            Skip::ClientOptOut => "client_opt_out",
            Skip::ClientNoTransform => "client_no_transform",
            Skip::NotAccepted => "not_accepted",
        }
    }

    /// Whether the request is the reason: another request would have got the same response compressed, so it must
    /// say that it varies (RFC 9110 §12.5.5).
    pub const fn varies(self) -> bool {
        matches!(self, Skip::Head | Skip::ClientOptOut | Skip::ClientNoTransform | Skip::NotAccepted)
    }
}

/// What is done with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The coding.
    pub coding: ContentCoding,
    /// How.
    pub way: Way,
}

/// How a response is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Whole.
    Whole,
    /// Piece by piece.
    Pieces,
}

/// Decides whether and how to compress, as far as the heads of request and response tell. Without a mode of its route, a
/// response whose length is known and is one that may be held is compressed whole, others piece by piece.
pub fn decide<F: Fields + ?Sized>(
    request: &Request,
    response: &Response<'_, F>,
    mode: Option<Mode>,
    config: &Config,
) -> Result<Plan, Skip> {
    // The response first: only if it may be compressed at all does it vary by request.
    let way = judge_response(response, mode, config)?;
    judge_request(request).map(|coding| Plan { coding, way })
}

fn judge_response<F: Fields + ?Sized>(
    response: &Response<'_, F>,
    mode: Option<Mode>,
    config: &Config,
) -> Result<Way, Skip> {
    let Response { status, fields, length, .. } = *response;
    let content_type = fields.first("content-type").unwrap_or_default();
    let skip = if matches!(status, 0..=199 | 204..=206 | 304) {
        Skip::Status
    } else if list::members(fields, "content-encoding")
        .any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
    {
        Skip::Encoded
    } else if fields.contains("content-range") {
        Skip::Range
    } else if is_streaming(content_type) || is_unbuffered(fields) {
        Skip::Streaming
    } else if !config.types.contains(content_type) {
        Skip::ContentType
    } else if fields.contains(OPT_OUT) {
        Skip::ServiceOptOut
    } else if CacheControl::parse(fields).no_transform {
        Skip::NoTransform
    } else if length.is_some_and(|length| length < config.min_bytes) {
        Skip::TooSmall
    } else {
        return choose_way(response, mode, config);
    };
    Err(skip)
}

fn choose_way<F: ?Sized>(
    response: &Response<'_, F>,
    mode: Option<Mode>,
    config: &Config,
) -> Result<Way, Skip> {
    let may_be_held = response.length.map(|length| length <= config.max_bytes);
    match (mode, may_be_held) {
        (None | Some(Mode::Buffer), Some(true)) | (Some(Mode::Buffer), None) => Ok(Way::Whole),
        (Some(Mode::Buffer), Some(false)) => Err(Skip::TooLarge),
        // Once trailers are here, nothing can be added to the body, and the stream would lack its end.
        (None, None) if response.trailers => Ok(Way::Whole),
        _ if response.trailers => Err(Skip::Trailers),
        _ => Ok(Way::Pieces),
    }
}

fn judge_request(request: &Request) -> Result<ContentCoding, Skip> {
    match request.coding {
        _ if request.head => Err(Skip::Head),
        _ if request.opted_out => Err(Skip::ClientOptOut),
        _ if request.no_transform => Err(Skip::ClientNoTransform),
        Coding::Encoded(coding) => Ok(coding),
        Coding::Identity | Coding::NoCompression => Err(Skip::NotAccepted),
    }
}

/// Services behind nginx say so when a body must flow as it comes.
fn is_unbuffered<F: Fields + ?Sized>(fields: &F) -> bool {
    fields.first("x-accel-buffering").is_some_and(|value| value.eq_ignore_ascii_case(b"no"))
}

fn decimal(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
