//! Carries the host's callbacks to [`Plugin`] and [`Stream`].
//!
//! The SDK has a dispatcher too. This one does not panic, whatever the host calls and when: a context that is not
//! known, or that is being called already (some calls of the host lead back into the VM), lets the traffic pass.

use crate::active::{self, Active};
use crate::{Action, CalloutResponse, ContextId, Plugin, Stream, Token, abi, log, plugin};
use foldhash::fast::FixedState;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The plugins and streams of one VM.
pub struct Dispatcher<P: Plugin> {
    /// A VM has several while a configuration replaces another, or if two have the same code and `vm_id`.
    plugins: RefCell<Vec<(u32, Rc<P>)>>,
    streams: RefCell<HashMap<u32, Known<P::Stream>, FixedState>>,
}

struct Known<S> {
    plugin: u32,
    stream: Rc<RefCell<S>>,
}

impl<P: Plugin> Default for Dispatcher<P> {
    fn default() -> Self {
        Dispatcher::new()
    }
}

impl<P: Plugin> Dispatcher<P> {
    /// Nothing yet.
    pub const fn new() -> Dispatcher<P> {
        let streams = HashMap::with_hasher(FixedState::with_seed(0));
        Dispatcher { plugins: RefCell::new(Vec::new()), streams: RefCell::new(streams) }
    }

    /// A context has come into being: a stream if it has a parent. One whose parent is not configured is left alone.
    pub fn on_context_create(&self, id: u32, parent: u32) {
        if let Some(plugin) = self.plugin(parent) {
            let stream = Rc::new(RefCell::new(P::new_stream(&plugin, ContextId(id))));
            self.streams.borrow_mut().insert(id, Known { plugin: parent, stream });
        }
    }

    /// Configures a plugin; false refuses the configuration, for the reason that is logged.
    pub fn on_configure(&self, id: u32, size: usize) -> bool {
        enter_plugin(id);
        match plugin::configure(size) {
            Ok(plugin) => {
                let mut plugins = self.plugins.borrow_mut();
                plugins.retain(|(known, _)| *known != id);
                plugins.push((id, Rc::new(plugin)));
                true
            }
            Err(error) => {
                log::error(&error.to_string());
                false
            }
        }
    }

    /// A plugin's time has passed.
    pub fn on_tick(&self, id: u32) {
        if let Some(plugin) = self.plugin(id) {
            enter_plugin(id);
            plugin.on_tick();
            self.wake_streams();
        }
    }

    /// A context is over.
    pub fn on_delete(&self, id: u32) {
        // Dropped when nothing is borrowed any more: what ends may still have something to hand over.
        let stream = self.streams.borrow_mut().remove(&id);
        if stream.is_none() {
            enter_plugin(id);
            let index = self.plugins.borrow().iter().position(|(known, _)| *known == id);
            let plugin = index.map(|index| self.plugins.borrow_mut().swap_remove(index));
            drop(plugin);
        }
    }

    /// A callout has been answered.
    pub fn on_callout(&self, token: u32, num_headers: usize, body_size: usize) {
        let Some(receiver) = active::take_receiver(token) else { return };
        let response = CalloutResponse::announced(num_headers, body_size);
        if let Some(plugin) = self.plugin(receiver) {
            enter_plugin(receiver);
            plugin.on_callout(Token(token), response);
        } else {
            self.with_other_stream(receiver, |stream| stream.on_callout(Token(token), response));
        }
        // To the host, the answer to a stream's callout is a callback of the plugin too.
        self.wake_streams();
    }

    /// See [`Stream::on_request_headers`].
    pub fn on_request_headers(&self, id: u32, end_of_stream: bool) -> Action {
        self.act(id, |stream| stream.on_request_headers(end_of_stream))
    }

    /// See [`Stream::on_request_body`].
    pub fn on_request_body(&self, id: u32, size: usize, end_of_stream: bool) -> Action {
        self.act(id, |stream| stream.on_request_body(size, end_of_stream))
    }

    /// See [`Stream::on_response_headers`].
    pub fn on_response_headers(&self, id: u32, end_of_stream: bool) -> Action {
        self.act(id, |stream| stream.on_response_headers(end_of_stream))
    }

    /// See [`Stream::on_response_body`].
    pub fn on_response_body(&self, id: u32, size: usize, end_of_stream: bool) -> Action {
        self.act(id, |stream| stream.on_response_body(size, end_of_stream))
    }

    /// See [`Stream::on_response_trailers`].
    pub fn on_response_trailers(&self, id: u32) -> Action {
        self.act(id, Stream::on_response_trailers)
    }

    /// See [`Stream::on_log`].
    pub fn on_log(&self, id: u32) {
        self.with_stream(id, (), Stream::on_log);
    }

    fn act(&self, id: u32, callback: impl FnOnce(&mut P::Stream) -> Action) -> Action {
        self.with_stream(id, Action::Continue, callback)
    }

    fn with_stream<R>(&self, id: u32, otherwise: R, callback: impl FnOnce(&mut P::Stream) -> R) -> R {
        let known = self.streams.borrow().get(&id).map(|known| (known.plugin, known.stream.clone()));
        let Some((plugin, stream)) = known else { return otherwise };
        let Ok(mut stream) = stream.try_borrow_mut() else { return otherwise };
        active::enter(Active { context: id, plugin });
        callback(&mut stream)
    }

    /// Calls a stream that is not the one the host has called.
    fn with_other_stream(&self, id: u32, callback: impl FnOnce(&mut P::Stream)) {
        if self.streams.borrow().contains_key(&id) && abi::set_effective_context(id).is_ok() {
            self.with_stream(id, (), callback);
        }
    }

    fn wake_streams(&self) {
        for ContextId(id) in active::take_woken() {
            self.with_other_stream(id, Stream::on_wake);
        }
    }

    fn plugin(&self, id: u32) -> Option<Rc<P>> {
        self.plugins.borrow().iter().find(|(known, _)| *known == id).map(|(_, plugin)| plugin.clone())
    }
}

fn enter_plugin(id: u32) {
    active::enter(Active { context: id, plugin: id });
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
