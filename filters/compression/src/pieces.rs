//! A response that is compressed piece by piece: each is encoded and flushed as it comes, so that nothing waits and no more
//! is held than one piece.

use crate::encoders::Lease;
use crate::measure::encode;
use crate::plugin::Compression;
use compression_common::{RouteSettings, Work};
use content_codings::{Broken, Step};
use slipstream_host::{Body, HostError, Route};
use std::rc::Rc;

/// A response that flows.
pub struct Pieces {
    pub route: Rc<Route<RouteSettings>>,
    pub encoder: Lease,
    pub work: Work,
}

/// A stream that cannot go on: its head has promised a coding that its rest would not have.
pub struct CutOff;

impl From<HostError> for CutOff {
    fn from(_: HostError) -> Self {
        CutOff
    }
}

impl From<Broken> for CutOff {
    fn from(_: Broken) -> Self {
        CutOff
    }
}

impl Pieces {
    /// Puts the encoded form into the place of a piece of `size` bytes.
    pub fn encode(&mut self, plugin: &Compression, size: usize, is_last: bool) -> Result<(), CutOff> {
        if size == 0 && !is_last {
            return Ok(());
        }
        let piece = if size > 0 { Body::Response.read(size)? } else { Vec::new() };
        // The host gives what it has, and that must be all.
        if piece.len() != size {
            return Err(CutOff);
        }
        let mut output = plugin.output.borrow_mut();
        let step = if is_last { Step::Finish } else { Step::Flush };
        encode(&mut self.work, &mut self.encoder, &piece, step, &mut output)?;
        Ok(Body::Response.replace(&output)?)
    }
}
