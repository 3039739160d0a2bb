//! The encoders of a VM: made when they are needed, and used again.

use content_codings::{Broken, Encoder, Step};
use http_semantics::ContentCoding;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// All encoders of a VM that have nothing to do, and how many streams have one.
pub struct Encoders {
    idle: RefCell<HashMap<Kind, Vec<Encoder>>>,
    streams: Cell<usize>,
    max_streams: usize,
}

type Kind = (ContentCoding, u8);

/// How many idle encoders of one coding and level are kept: bodies that are compressed at a stroke need one, those that are
/// streams as many as flow at a time.
const MAX_IDLE: usize = 4;

impl Encoders {
    /// For so many streams at a time.
    pub fn new(max_streams: usize) -> Rc<Encoders> {
        Rc::new(Encoders { idle: RefCell::default(), streams: Cell::new(0), max_streams })
    }

    /// An encoder for a body of this many bytes, which has it only for a moment, or for a stream.
    pub fn lease(
        self: &Rc<Self>,
        coding: ContentCoding,
        level: u8,
        length: Option<usize>,
    ) -> Result<Lease, Unavailable> {
        let is_stream = length.is_none();
        if is_stream && self.streams.get() >= self.max_streams {
            return Err(Unavailable::Busy);
        }
        let kind = (coding, level);
        let idle = self.idle.borrow_mut().get_mut(&kind).and_then(Vec::pop);
        let mut encoder = idle.unwrap_or_else(|| Encoder::new(coding, level));
        encoder.begin(length)?;
        self.streams.set(self.streams.get() + usize::from(is_stream));
        Ok(Lease { encoder: Some(encoder), kind, is_stream, encoders: self.clone() })
    }
}

/// Why there is no encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// There are as many streams as there may be.
    Busy,
    /// It failed.
    Broken,
}

impl From<Broken> for Unavailable {
    fn from(_: Broken) -> Self {
        Unavailable::Broken
    }
}

/// An encoder that works on one body, until this is dropped.
pub struct Lease {
    /// There until the drop.
    encoder: Option<Encoder>,
    kind: Kind,
    is_stream: bool,
    encoders: Rc<Encoders>,
}

impl Lease {
    /// The coding.
    pub fn coding(&self) -> ContentCoding {
        self.kind.0
    }

    /// Encodes the next piece of the body, and appends what comes of it to `output`.
    pub fn encode(&mut self, piece: &[u8], step: Step, output: &mut Vec<u8>) -> Result<(), Broken> {
        self.encoder.as_mut().ok_or(Broken)?.encode(piece, step, output)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let streams = &self.encoders.streams;
        streams.set(streams.get().saturating_sub(usize::from(self.is_stream)));
        let mut all = self.encoders.idle.borrow_mut();
        let idle = all.entry(self.kind).or_default();
        if idle.len() < MAX_IDLE {
            idle.extend(self.encoder.take());
        }
    }
}
