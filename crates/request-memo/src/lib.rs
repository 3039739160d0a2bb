//! Remembers what requests come to, by the fields that decide on it.
//!
//! Most requests of a route are alike in all that matters to a filter: parsing their fields, choosing what to do and
//! building a key gives the same each time. A [`RequestMemo`] keeps the outcome under those fields' values, so that
//! the next such request costs one pass over its fields and one look-up.

mod deciding;

pub use deciding::DecidingFields;

use foldhash::fast::RandomState;
use http_semantics::Fields;
use std::collections::HashMap;

/// Outcomes by the values of the deciding fields; bounded in bytes.
#[derive(Debug)]
pub struct RequestMemo<V> {
    fields: DecidingFields,
    known: HashMap<Box<[u8]>, V, RandomState>,
    max_bytes: usize,
    bytes: usize,
    /// The key that is looked for, built in memory that is used again.
    key: Vec<u8>,
}

/// What an outcome takes beside its key: the table's slot, and what it points to, roughly.
const ENTRY_BYTES: usize = 512;

impl<V> RequestMemo<V> {
    /// A memo that remembers some `max_bytes`, and forgets all when that is full.
    pub fn new(fields: DecidingFields, max_bytes: usize) -> RequestMemo<V> {
        RequestMemo { fields, known: HashMap::default(), max_bytes, bytes: 0, key: Vec::new() }
    }

    /// What was remembered for a request with the same values of the deciding fields, and the same `also`: what else
    /// decides, the route's name say.
    pub fn find(&mut self, request: &(impl Fields + ?Sized), also: &[u8]) -> Option<&V> {
        self.write_key(request, also);
        self.known.get(self.key.as_slice())
    }

    /// Remembers the outcome of a request.
    pub fn remember(&mut self, request: &(impl Fields + ?Sized), also: &[u8], outcome: V) {
        self.write_key(request, also);
        let size = self.key.len() + ENTRY_BYTES;
        if self.bytes + size > self.max_bytes {
            self.forget_all();
        }
        if size <= self.max_bytes && self.known.insert(self.key.as_slice().into(), outcome).is_none() {
            self.bytes += size;
        }
    }

    /// Lets a field decide from now on. What is remembered was decided without it, and is forgotten.
    pub fn also_by(&mut self, name: &str) {
        if self.fields.add(name) {
            self.forget_all();
        }
    }

    /// How many outcomes are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn forget_all(&mut self) {
        self.known.clear();
        self.bytes = 0;
    }

    /// Every part is preceded by its length, so that no value can pass for another part.
    fn write_key(&mut self, request: &(impl Fields + ?Sized), also: &[u8]) {
        self.key.clear();
        write_part(&mut self.key, also);
        for (name, value) in request.iter() {
            if let Some(number) = self.fields.number(name) {
                self.key.extend_from_slice(&number.to_le_bytes());
                write_part(&mut self.key, value);
            }
        }
    }
}

fn write_part(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u32).to_le_bytes());
    key.extend_from_slice(part);
}
