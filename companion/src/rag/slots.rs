//! How many answers are given at a time, to all and to each tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places there are.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    most_per_tenant: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_tenant: HashMap<String, usize>,
}

/// A place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    tenant: String,
}

/// Why there is no place, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// For anybody.
    All(usize),
    /// For this tenant.
    Tenant(usize),
}

impl Slots {
    pub(crate) fn new(most: usize, most_per_tenant: usize) -> Self {
        Self { most, most_per_tenant, taken: Mutex::default() }
    }

    /// Takes a place. Where no tenant is named, only the limit for all counts.
    pub(crate) fn take(self: &Arc<Self>, tenant: &str) -> Result<Arc<Slot>, Full> {
        let mut taken = self.taken();
        if taken.all >= self.most {
            return Err(Full::All(self.most));
        }
        let own = taken.by_tenant.get(tenant).copied().unwrap_or(0);
        if !tenant.is_empty() && own >= self.most_per_tenant {
            return Err(Full::Tenant(self.most_per_tenant));
        }
        taken.all += 1;
        taken.by_tenant.insert(tenant.to_owned(), own + 1);
        Ok(Arc::new(Slot { slots: Arc::clone(self), tenant: tenant.to_owned() }))
    }

    /// How many are taken.
    pub(crate) fn taken_count(&self) -> usize {
        self.taken().all
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by_tenant.get(&self.tenant).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            taken.by_tenant.remove(&self.tenant);
        } else {
            taken.by_tenant.insert(self.tenant.clone(), left);
        }
    }
}
