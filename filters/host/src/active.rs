//! Which context the host has called, and which has sent what: the host brings the answer to a callout without saying
//! whose it is.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

thread_local! {
    static ACTIVE: Cell<u32> = const { Cell::new(0) };
    static SENDERS: RefCell<HashMap<u32, u32>> = RefCell::default();
}

/// The host has called this context.
pub fn enter(context: u32) {
    ACTIVE.set(context);
}

/// The active context has sent a callout.
pub fn sent(token: u32) {
    SENDERS.with_borrow_mut(|senders| senders.insert(token, ACTIVE.get()));
}

/// Which context sent a callout; it is asked once.
pub fn take_sender(token: u32) -> Option<u32> {
    SENDERS.with_borrow_mut(|senders| senders.remove(&token))
}
