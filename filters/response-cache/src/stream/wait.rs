//! Waiting for another request's fetch of the same response.

use super::{CacheStream, Missed, State};
use crate::flights::{Landed, Turn};
use crate::measures::Lookup as Outcome;
use crate::plugin::ResponseCache;
use crate::question::Question;
use crate::stored::Stored;
use cache_policy::reuse::{self, Reuse};
use slipstream_host::{Action, now_ms};
use std::rc::Rc;

/// The leadership of a fetch that others may be waiting for. Whatever becomes of the request, they are told.
pub(super) struct Lead {
    plugin: Rc<ResponseCache>,
    question: Rc<Question>,
    how: Landed,
}

impl Lead {
    /// Tells the others how the fetch has ended.
    pub(super) fn land(mut self, how: Landed) {
        self.how = how;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let now_ms = now_ms();
        self.plugin.flights.borrow_mut().land(&self.question.key, &self.how, now_ms);
    }
}

impl CacheStream {
    /// Goes to the origin, or waits for another request that is there for the same response.
    pub(super) fn miss(&mut self, missed: Missed, now_ms: u64) -> Action {
        let question = &missed.asked.question;
        if !question.may_share_a_fetch() || missed.position.is_none() {
            return self.fetch(missed, None);
        }
        let until_ms = missed.asked.began_ns / 1_000_000 + self.plugin.config.collapse_wait_ms;
        let turn = self.plugin.flights.borrow_mut().join(&question.key, self.id, until_ms, now_ms);
        match turn {
            Turn::Pass => self.fetch(missed, None),
            Turn::Wait => {
                self.state = State::Waiting(Box::new(missed));
                Action::Pause
            }
            Turn::Lead => {
                let (plugin, question) = (self.plugin.clone(), question.clone());
                self.fetch(missed, Some(Lead { plugin, question, how: Landed::Lost }))
            }
        }
    }

    /// The fetch that this request waits for has ended.
    pub(super) fn woken(&mut self) -> Action {
        let State::Waiting(waiting) = std::mem::replace(&mut self.state, State::Done) else {
            return Action::Pause;
        };
        let mut missed = *waiting;
        let now_ms = now_ms();
        let landed = self.plugin.take_landed(self.id);
        if let Some(Landed::Stored(stored)) = &landed
            && self.serve_landed(&missed, stored, now_ms)
        {
            return Action::Pause;
        }
        // What is asked of the origin now is at least as new as the log is known to be now.
        missed.position = self.plugin.follower.borrow().position().or(missed.position);
        match landed {
            Some(Landed::Failed(stale)) if self.serve_on_error(&missed.asked, &stale) => Action::Pause,
            Some(Landed::NotStorable | Landed::Failed(_) | Landed::Late) => self.fetch(missed, None),
            Some(Landed::Stored(_) | Landed::Lost) | None => self.miss(missed, now_ms),
        }
    }

    fn serve_landed(&mut self, missed: &Missed, stored: &Rc<Stored>, now_ms: u64) -> bool {
        if self.plugin.must_keep_out() || !self.plugin.admits(stored, now_ms) {
            return false;
        }
        match reuse::decide(&stored.times(), &missed.asked.question.lookup.cache_control, now_ms) {
            Reuse::Fresh { age_seconds, ttl_seconds } => {
                self.serve(&missed.asked, &**stored, age_seconds, ttl_seconds, Outcome::Collapsed)
            }
            Reuse::Stale | Reuse::Unwanted => false,
        }
    }
}
