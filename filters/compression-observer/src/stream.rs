//! One response on its way to the compressor.

use crate::plugin::Observer;
use slipstream_host::{Action, Stream};
use std::rc::Rc;

/// One response on its way to the compressor.
pub struct Observed {
    plugin: Rc<Observer>,
    /// Bytes that the service has sent.
    seen: u64,
    is_whole: bool,
}

impl Observed {
    pub(crate) fn new(plugin: Rc<Observer>) -> Observed {
        Observed { plugin, seen: 0, is_whole: false }
    }
}

impl Stream for Observed {
    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.seen += size as u64;
        self.is_whole |= end_of_stream;
        Action::Continue
    }

    fn on_response_trailers(&mut self) -> Action {
        self.is_whole = true;
        Action::Continue
    }

    fn on_log(&mut self) {
        // What has no body there is nothing to say about.
        if self.seen > 0 {
            self.plugin.settle(self.seen, self.is_whole);
        }
    }
}
