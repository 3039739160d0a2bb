//! Which context the host has called, and which has sent what: the host brings the answer to a callout without saying
//! whose it is.

use crate::ContextId;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// A context, and the plugin that it belongs to; a plugin belongs to itself.
#[derive(Clone, Copy)]
pub struct Active {
    pub context: u32,
    pub plugin: u32,
}

thread_local! {
    static ACTIVE: Cell<Active> = const { Cell::new(Active { context: 0, plugin: 0 }) };
    static SENDERS: RefCell<HashMap<u32, u32>> = RefCell::default();
    static WOKEN: RefCell<Vec<ContextId>> = const { RefCell::new(Vec::new()) };
}

/// The host has called this context.
pub fn enter(active: Active) {
    ACTIVE.set(active);
}

/// The active context has sent a callout.
pub fn sent(token: u32) {
    SENDERS.with_borrow_mut(|senders| senders.insert(token, ACTIVE.get().context));
}

/// The active context has sent a callout, whose answer is for its plugin.
pub fn sent_for_plugin(token: u32) {
    SENDERS.with_borrow_mut(|senders| senders.insert(token, ACTIVE.get().plugin));
}

/// Which context sent a callout; it is asked once.
pub fn take_sender(token: u32) -> Option<u32> {
    SENDERS.with_borrow_mut(|senders| senders.remove(&token))
}

/// Has [`crate::Stream::on_wake`] of another stream called, once the next callback of a plugin is over: what a stream
/// does to another from within its own callbacks, the host takes for its own.
pub fn wake(stream: ContextId) {
    WOKEN.with_borrow_mut(|woken| woken.push(stream));
}

/// Which streams are to be called.
pub fn take_woken() -> Vec<ContextId> {
    WOKEN.take()
}
