//! Which context the host has called, and whom each callout's answer is for: the host brings an answer without saying
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
    static RECEIVERS: RefCell<HashMap<u32, u32>> = RefCell::default();
    static WOKEN: RefCell<Vec<ContextId>> = const { RefCell::new(Vec::new()) };
}

/// The host has called this context.
pub fn enter(active: Active) {
    ACTIVE.set(active);
}

/// Which context the host has called.
pub fn current() -> Active {
    ACTIVE.get()
}

/// A callout has been sent; its answer is for this context.
pub fn sent(token: u32, receiver: u32) {
    RECEIVERS.with_borrow_mut(|receivers| receivers.insert(token, receiver));
}

/// Whom the answer to a callout is for; it is asked once.
pub fn take_receiver(token: u32) -> Option<u32> {
    RECEIVERS.with_borrow_mut(|receivers| receivers.remove(&token))
}

/// Has [`crate::Stream::on_wake`] of another stream called, once the next tick or answer to a callout is over: what a
/// stream does to another from within its own callbacks, the host takes for its own.
pub fn wake(stream: ContextId) {
    WOKEN.with_borrow_mut(|woken| woken.push(stream));
}

/// Which streams are to be called.
pub fn take_woken() -> Vec<ContextId> {
    WOKEN.take()
}
