//! A response that somebody else compresses: Envoy's own compressor, which stands further out. This filter sees the
//! response before it, and at the end asks Envoy what has gone out.

use crate::measure::Work;
use crate::metrics::How;
use crate::plugin::Compression;
use crate::route::RouteSettings;
use http_semantics::ContentCoding;
use slipstream_host::{HeaderMap, HostError, Property, Route};
use std::rc::Rc;

/// A response on its way to the compressor.
pub struct Observed {
    pub route: Rc<Route<RouteSettings>>,
    /// Bytes that the service has sent.
    seen: u64,
    is_whole: bool,
}

impl Observed {
    /// A response whose head has passed.
    pub fn new(route: Rc<Route<RouteSettings>>, end_of_stream: bool) -> Observed {
        Observed { route, seen: 0, is_whole: end_of_stream }
    }

    /// A piece has passed.
    pub fn see(&mut self, size: usize, end_of_stream: bool) {
        self.seen += size as u64;
        self.is_whole |= end_of_stream;
    }

    /// Trailers have passed, which end it.
    pub fn see_end(&mut self) {
        self.is_whole = true;
    }

    /// Counts what became of it. The stream is over.
    pub fn settle(&self, plugin: &Compression) -> Result<(), HostError> {
        if !self.is_whole {
            plugin.count(&self.route, "aborted");
            return Ok(());
        }
        let sent = HeaderMap::Response.first("content-encoding")?;
        let Some(coding) = sent.as_deref().and_then(ContentCoding::parse) else {
            plugin.count(&self.route, "not_compressed");
            return Ok(());
        };
        let size = Property::RESPONSE_SIZE.bytes()?.unwrap_or_default();
        let size = size.try_into().map_or(0, u64::from_le_bytes);
        let work = Work { original: self.seen, size, ns: 0 };
        plugin.count_compressed(&self.route, coding.as_str(), How::Observe, &work);
        Ok(())
    }
}
