//! Waiting for another request's lookup or fetch of the same response.

use super::asked::{Asked, Worth};
use super::{CacheStream, Looking, Missed, State};
use crate::companion::Ask;
use crate::flights::Landed;
use crate::measures::Lookup as Outcome;
use crate::stored::Stored;
use cache_policy::cache_status::Forward;
use invalidation::Verdict;
use slipstream_host::{Action, Moment};

impl CacheStream {
    /// What the request waits for has ended.
    pub(super) fn woken(&mut self) -> Action {
        let landed = self.plugin.take_landed(self.id);
        let mut asked = match std::mem::replace(&mut self.state, State::Done) {
            State::Waiting(asked) => *asked,
            State::LookingUp(_, looking) if matches!(looking.ask, Ask::Wait(_)) => {
                return self.fetch_first(*looking);
            }
            // It has gone on already.
            state => {
                self.state = state;
                return Action::Pause;
            }
        };
        match landed {
            Some(Landed::Stored(stored)) => {
                if let Some(variants) = stored.variants() {
                    asked.choose(variants);
                } else if self.serve_landed(&asked, &stored) {
                    return Action::Pause;
                }
                match self.plugin.is_leased() {
                    true => self.seek(asked, Moment::now()),
                    // The companion cannot be heard: whoever asked it anew would have the others wait in vain.
                    false => self.fetch_alone(asked),
                }
            }
            Some(Landed::Failed(stale)) => {
                if self.serve_on_error(&asked, &stale) {
                    return Action::Pause;
                }
                self.fetch_alone(asked)
            }
            Some(Landed::Late | Landed::NotStorable) => self.fetch_alone(asked),
            Some(Landed::Lost) | None => {
                // What was waited for may be stored elsewhere by now, because it varies by more.
                asked.forget_variant();
                self.seek(asked, Moment::now())
            }
        }
    }

    /// Goes to the origin in place of whom it waits for at the companion, which fails. If the companion has given it the lease
    /// meanwhile, that has not been heard, and the lease is given back like any other.
    fn fetch_first(&mut self, looking: Looking) -> Action {
        let Looking { asked, lead, .. } = looking;
        let mut missed = self.missed(asked);
        missed.asked.come_back();
        self.miss(missed, Outcome::Failed, lead)
    }

    /// Goes to the origin. What is asked of it now is at least as new as the log is known to be now.
    fn fetch_alone(&mut self, asked: Asked) -> Action {
        let position = self.plugin.follower.borrow().position();
        let missed = Missed { asked, reason: Forward::Miss, position, stale: None };
        self.miss(missed, Outcome::Miss, None)
    }

    fn serve_landed(&mut self, asked: &Asked, stored: &Stored) -> bool {
        let now = Moment::now();
        let verdict = self.plugin.judge(stored, now.ms());
        if self.plugin.must_keep_out() || !matches!(verdict, Some(Verdict::Valid | Verdict::Stale)) {
            return false;
        }
        let is_soft = verdict == Some(Verdict::Stale);
        let worth = asked.worth(&stored.entry.headers, &stored.times(), is_soft, &self.plugin, now.ms());
        matches!(worth, Worth::Fresh { .. } | Worth::Stale { .. })
            && self.serve(asked, stored, worth, Outcome::Collapsed)
    }
}
