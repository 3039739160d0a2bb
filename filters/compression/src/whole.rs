//! A response that is compressed whole: it waits until Envoy holds all of its body, so that its head can tell its sizes.

use crate::encoders::Unavailable;
use crate::headers;
use crate::measure::encode;
use crate::plugin::Compression;
use compression_common::{RouteSettings, Work};
use compression_policy::{Framing, Skip, compressed};
use content_codings::Step;
use http_semantics::ContentCoding;
use slipstream_host::{Body, HeaderMap, Headers, HostError, Route};
use std::rc::Rc;

/// A response that waits for the rest of its body, which the host holds.
pub struct Whole {
    pub head: Headers,
    pub route: Rc<Route<RouteSettings>>,
    pub coding: ContentCoding,
    /// Bytes that the host holds.
    pub held: usize,
}

/// Why a response is sent as it is after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quit {
    /// Its length is not what is compressed.
    Skip(Skip),
    /// Its compressed form is not smaller.
    NotSmaller,
    /// There is no encoder.
    NoEncoder(Unavailable),
    /// The host refused a call.
    Host,
}

impl From<HostError> for Quit {
    fn from(_: HostError) -> Self {
        Quit::Host
    }
}

impl From<Unavailable> for Quit {
    fn from(unavailable: Unavailable) -> Self {
        Quit::NoEncoder(unavailable)
    }
}

impl Quit {
    /// The reason as a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Quit::Skip(skip) => skip.as_str(),
            Quit::NotSmaller => "not_smaller",
            Quit::NoEncoder(Unavailable::Busy) => "busy",
            Quit::NoEncoder(Unavailable::Broken) => "encoder_error",
            Quit::Host => "host_error",
        }
    }
}

impl Whole {
    /// Puts the compressed form into the place of what the host holds.
    pub fn compress(&self, plugin: &Compression, framing: Framing) -> Result<Work, Quit> {
        if (self.held as u64) < plugin.config.policy.min_bytes {
            return Err(Quit::Skip(Skip::TooSmall));
        }
        let body = Body::Response.read(self.held)?;
        let level = plugin.level(self.coding, &self.head);
        let mut work = Work::default();
        let mut encoder = plugin.encoders.lease(self.coding, level, Some(body.len()))?;
        let mut output = plugin.output.borrow_mut();
        encode(&mut work, &mut encoder, &body, Step::Finish, &mut output).map_err(Unavailable::from)?;
        if output.len() >= body.len() {
            return Err(Quit::NotSmaller);
        }
        let changes = compressed(&self.head, self.coding, body.len(), output.len(), framing);
        headers::apply(HeaderMap::Response, &self.head, &changes)?;
        if let Err(refused) = Body::Response.replace(&output) {
            headers::undo(HeaderMap::Response, &self.head, &changes);
            return Err(refused.into());
        }
        Ok(work)
    }
}
