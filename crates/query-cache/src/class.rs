//! What is known of a statement on connections of one identity.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use query_cache_model::Version;
use quick_cache::{Equivalent, Weighter};
use tokio_postgres::types::Type;

use crate::ask::Ask;
use crate::identity::Identity;
use crate::metrics::Meters;

/// For how long a statement whose result was too large is not waited for.
const PASS: Duration = Duration::from_secs(10);

/// What is known of a statement.
#[derive(Debug)]
pub(crate) struct Class {
    /// How far the changes were known before the catalogue was read; none: they were not.
    pub(crate) since: Option<Version>,
    /// The tables that it reads; or why its result is not cached.
    pub(crate) tables: Result<Vec<u32>, String>,
    /// The types of its parameters.
    pub(crate) types: Vec<Type>,
    pub(crate) meters: Meters,
    made: Instant,
    /// Until when each fetches for itself, in milliseconds after `made`.
    pass: AtomicU64,
}

impl Class {
    pub(crate) fn new(
        since: Option<Version>,
        tables: Result<Vec<u32>, String>,
        types: Vec<Type>,
        meters: Meters,
    ) -> Self {
        Self { since, tables, types, meters, made: Instant::now(), pass: AtomicU64::new(0) }
    }

    /// Its result was too large to be cached.
    pub(crate) fn pass_by(&self) {
        self.pass.store(self.now().saturating_add(milliseconds(PASS)), Ordering::Relaxed);
    }

    /// Whether each fetches for itself.
    pub(crate) fn is_passed_by(&self) -> bool {
        self.pass.load(Ordering::Relaxed) > self.now()
    }

    fn now(&self) -> u64 {
        milliseconds(self.made.elapsed())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// By what a class is found.
#[derive(Debug, Clone)]
pub(crate) struct ClassKey {
    identity: Arc<Identity>,
    sql: Box<str>,
    /// The types of the parameters, where whoever asks says them.
    types: Option<Box<[Type]>>,
    name: Option<&'static str>,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassRef<'a> {
    identity: &'a Arc<Identity>,
    sql: &'a str,
    types: Option<&'a [Type]>,
    name: Option<&'static str>,
}

impl<'a> ClassRef<'a> {
    pub(crate) fn new(identity: &'a Arc<Identity>, ask: Ask<'a>) -> Self {
        Self { identity, sql: ask.sql, types: ask.types, name: ask.options.name }
    }

    pub(crate) fn owned(&self) -> ClassKey {
        ClassKey {
            identity: Arc::clone(self.identity),
            sql: self.sql.into(),
            types: self.types.map(Into::into),
            name: self.name,
        }
    }
}

impl Hash for ClassRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sql.hash(state);
    }
}

impl Hash for ClassKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sql.hash(state);
    }
}

impl PartialEq for ClassKey {
    fn eq(&self, other: &Self) -> bool {
        self.sql == other.sql
            && self.types == other.types
            && self.name == other.name
            && self.identity == other.identity
    }
}

impl Eq for ClassKey {}

impl Equivalent<ClassKey> for ClassRef<'_> {
    fn equivalent(&self, key: &ClassKey) -> bool {
        self.sql == &*key.sql
            && self.types == key.types.as_deref()
            && self.name == key.name
            && (Arc::ptr_eq(self.identity, &key.identity) || self.identity == &key.identity)
    }
}

/// What a class takes in memory.
#[derive(Debug, Clone)]
pub(crate) struct ClassWeight;

impl Weighter<ClassKey, Arc<Class>> for ClassWeight {
    fn weight(&self, key: &ClassKey, class: &Arc<Class>) -> u64 {
        let tables = class.tables.as_ref().map_or_else(String::len, |tables| tables.len() * 4);
        u64::try_from(key.sql.len() + key.identity.text.len() + tables + class.types.len() * 64 + 512)
            .unwrap_or(u64::MAX)
    }
}
