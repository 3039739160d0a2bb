//! One request and its response.

use crate::begin::{State, begin};
use crate::decompression::Decompression;
use crate::headers;
use crate::pieces::{CutOff, Pieces};
use crate::plugin::Compression;
use crate::whole::{Quit, Whole};
use compression_common::How;
use compression_policy::{Framing, Skip, vary};
use slipstream_host::{Action, HeaderBlock, HeaderMap, Moment, Stream, send_local_reply};
use std::mem::take;
use std::rc::Rc;

/// One request and its response.
pub struct CompressionStream {
    plugin: Rc<Compression>,
    state: State,
}

impl CompressionStream {
    pub(crate) fn new(plugin: Rc<Compression>) -> CompressionStream {
        CompressionStream { plugin, state: State::Idle }
    }

    /// Sends what is held, compressed or as it is.
    fn finish(&self, whole: &Whole, framing: Framing) -> Action {
        match whole.compress(&self.plugin, framing) {
            Ok(work) => {
                self.plugin.count_compressed(&whole.route, whole.coding.as_str(), How::Buffer, &work);
                Action::Continue
            }
            Err(quit) => self.quit(whole, quit),
        }
    }

    fn quit(&self, whole: &Whole, quit: Quit) -> Action {
        self.plugin.count(&whole.route, quit.as_str());
        let _ = headers::apply(HeaderMap::Response, &whole.head, vary(&whole.head).as_slice());
        Action::Continue
    }

    fn hold(&mut self, mut whole: Whole, size: usize, end_of_stream: bool) -> Action {
        whole.held = size;
        if size as u64 > self.plugin.config.policy.max_bytes {
            return self.quit(&whole, Quit::Skip(Skip::TooLarge));
        }
        if end_of_stream {
            return self.finish(&whole, Framing::Length);
        }
        self.state = State::Whole(whole);
        Action::Pause
    }

    fn let_flow(&mut self, mut pieces: Pieces, size: usize, end_of_stream: bool) -> Action {
        match pieces.encode(&self.plugin, size, end_of_stream) {
            Ok(()) if end_of_stream => {
                let coding = pieces.encoder.coding().as_str();
                self.plugin.count_compressed(&pieces.route, coding, How::Stream, &pieces.work);
                Action::Continue
            }
            Ok(()) => {
                self.state = State::Pieces(pieces);
                Action::Continue
            }
            Err(CutOff) => {
                self.plugin.count(&pieces.route, "cut_off");
                cut_off()
            }
        }
    }
}

/// Breaks the response off. Once its head has been sent, that is what an answer of the filter's own comes to.
fn cut_off() -> Action {
    let no_fields = HeaderBlock::new(std::iter::empty());
    let _ = send_local_reply(502, "slipstream_compression_cut_off", &no_fields, b"");
    Action::Pause
}

impl Stream for CompressionStream {
    fn on_request_headers(&mut self, end_of_stream: bool) -> Action {
        let Ok(request) = HeaderMap::Request.read() else {
            self.plugin.count_unrouted(Quit::Host.as_str());
            return Action::Continue;
        };
        if !end_of_stream {
            match Decompression::of(&self.plugin, &request, Moment::now().ms()) {
                Ok(Some(Ok(decompression))) => {
                    self.state = State::Decompressing(decompression);
                    return Action::Pause;
                }
                Ok(Some(Err(refusal))) => return refusal.reply(&self.plugin),
                Ok(None) => {}
                Err(_) => self.plugin.count_unrouted(Quit::Host.as_str()),
            }
        }
        self.state = State::Asked(request);
        Action::Continue
    }

    fn on_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let decompression = match take(&mut self.state) {
            State::Decompressing(decompression) => decompression,
            other => {
                self.state = other;
                return Action::Continue;
            }
        };
        let result = decompression.may_hold(&self.plugin, size);
        match result
            .and_then(|()| if end_of_stream { decompression.finish(&self.plugin, size) } else { Ok(()) })
        {
            Err(refusal) => refusal.reply(&self.plugin),
            Ok(()) if end_of_stream => {
                self.state = State::Asked(decompression.request);
                Action::Continue
            }
            Ok(()) => {
                self.state = State::Decompressing(decompression);
                Action::Pause
            }
        }
    }

    fn on_response_headers(&mut self, end_of_stream: bool) -> Action {
        let request = match take(&mut self.state) {
            State::Asked(request) => request,
            // Trailers have ended the request, which has gone on as it came; or the service did not wait for its end.
            State::Decompressing(Decompression { request, .. }) => request,
            _ => return Action::Continue,
        };
        match begin(&self.plugin, &request, end_of_stream) {
            Ok(state) => self.state = state,
            Err(_) => self.plugin.count_unrouted(Quit::Host.as_str()),
        }
        if matches!(self.state, State::Whole(_)) { Action::Pause } else { Action::Continue }
    }

    fn on_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match take(&mut self.state) {
            State::Whole(whole) => return self.hold(whole, size, end_of_stream),
            State::Pieces(pieces) => return self.let_flow(pieces, size, end_of_stream),
            State::Idle | State::Decompressing(_) | State::Asked(_) => {}
        }
        Action::Continue
    }

    fn on_response_trailers(&mut self) -> Action {
        match take(&mut self.state) {
            State::Whole(whole) => return self.finish(&whole, Framing::Trailers),
            State::Pieces(pieces) => {
                // All of the body can be decoded, but its coding lacks its end, and there is no place left to put it. It
                // will not happen to the route's next responses.
                self.plugin.count(&pieces.route, "unannounced_trailers");
                self.plugin.remember_trailers(&pieces.route);
            }
            State::Idle | State::Decompressing(_) | State::Asked(_) => {}
        }
        Action::Continue
    }
}

impl Drop for CompressionStream {
    /// A stream that is over before its response is has been broken off, by its client or the service.
    fn drop(&mut self) {
        match &self.state {
            State::Whole(Whole { route, .. }) | State::Pieces(Pieces { route, .. }) => {
                self.plugin.count(route, "aborted");
            }
            State::Idle | State::Decompressing(_) | State::Asked(_) => {}
        }
    }
}
