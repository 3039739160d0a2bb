//! Stops asking a service that keeps failing, and probes it until it answers again.

/// A circuit breaker. It knows no clock: every call is handed the time, in milliseconds of any one clock.
#[derive(Debug, Clone)]
pub struct Breaker {
    failures_to_open: u32,
    open_ms: u64,
    consecutive_failures: u32,
    state: State,
    /// When the present state began; of no meaning while closed.
    since_ms: u64,
}

/// What a [`Breaker`] lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Closed,
    /// Nothing, until its time has passed.
    Open,
    /// Nothing but the one probe that is under way.
    HalfOpen,
}

impl Breaker {
    /// A closed breaker that opens after `failures_to_open` failures in a row (0 counts as 1), for `open_ms` at a time.
    pub const fn new(failures_to_open: u32, open_ms: u64) -> Self {
        Self { failures_to_open, open_ms, consecutive_failures: 0, state: State::Closed, since_ms: 0 }
    }

    /// Whether a call may be made now. Whoever gets `true` reports how it went.
    ///
    /// A probe that never reports counts as lost after another `open_ms`, and the next caller becomes the probe.
    pub fn try_acquire(&mut self, now_ms: u64) -> bool {
        if self.state == State::Closed {
            return true;
        }
        // A clock that was set back must not keep the breaker open for as long as it was ahead.
        self.since_ms = self.since_ms.min(now_ms);
        if now_ms - self.since_ms < self.open_ms {
            return false;
        }
        self.enter(State::HalfOpen, now_ms);
        true
    }

    /// Reports that a call was answered.
    pub const fn succeeded(&mut self) {
        // An answer to a call from before the breaker opened says nothing of the service now.
        if !matches!(self.state, State::Open) {
            self.state = State::Closed;
            self.consecutive_failures = 0;
        }
    }

    /// Reports that a call failed.
    pub const fn failed(&mut self, now_ms: u64) {
        match self.state {
            State::Closed => {
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
                if self.consecutive_failures >= self.failures_to_open {
                    self.enter(State::Open, now_ms);
                }
            }
            State::HalfOpen => self.enter(State::Open, now_ms),
            // Calls from before it opened: that it stays shut is known already.
            State::Open => {}
        }
    }

    /// What the breaker lets through, as of the last call.
    pub const fn state(&self) -> State {
        self.state
    }

    const fn enter(&mut self, state: State, now_ms: u64) {
        self.state = state;
        self.since_ms = now_ms;
    }
}
