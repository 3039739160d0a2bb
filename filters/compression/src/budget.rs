//! How much all streams of a VM may hold together.

use std::cell::Cell;
use std::rc::Rc;

/// Bytes that may be held, and are.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    held: Cell<usize>,
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Rc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes, all free.
    pub fn new(limit: usize) -> Rc<Budget> {
        Rc::new(Budget { limit, held: Cell::new(0) })
    }

    /// An empty share.
    pub fn share(self: &Rc<Self>) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Makes the share at least `bytes` large, if that much is free. Says whether it is.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let held = self.budget.held.get();
        let more = bytes.saturating_sub(self.bytes);
        let fits = more <= self.budget.limit.saturating_sub(held);
        if fits {
            self.budget.held.set(held + more);
            self.bytes += more;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.set(self.budget.held.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_come_back() {
        let budget = Budget::new(100);
        let mut one = budget.share();
        let mut other = budget.share();
        assert!(one.grow(60));
        assert!(one.grow(10), "it is that large already");
        assert!(!other.grow(41));
        assert!(other.grow(40));
        assert!(!one.grow(usize::MAX));
        drop(one);
        assert!(other.grow(100));
        assert_eq!(budget.held.get(), 100);
        drop(other);
        assert_eq!(budget.held.get(), 0);
    }
}
