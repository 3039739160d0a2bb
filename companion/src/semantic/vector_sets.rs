//! The vectors in Redis' vector sets, one set for each namespace, and what they are tidied by.
//!
//! What is in a vector set does not end by itself. So all of them stand in one sorted set by when they end, and for each
//! source in another. `PLACE:ID` names a vector: the set's name is of its place.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, cmd};

use super::entry::Entry;
use super::namespace::fingerprint;
use crate::clock;

/// How many vectors a search looks at. Among 10,000 it finds all nearest ones with this (`cargo xtask bench semantic`).
const EFFORT: usize = 200;

/// Names and commands of the vector sets.
#[derive(Debug)]
pub(super) struct VectorSets {
    prefix: String,
    embedder: String,
}

impl VectorSets {
    /// Those with this prefix; vectors of other embedders are in other sets.
    pub(super) fn new(prefix: &str, embedder: &str) -> Self {
        let embedder = fingerprint(&[embedder]).chars().take(16).collect();
        Self { prefix: format!("{prefix}:semantic:"), embedder }
    }

    /// Whether the server has vector sets; if not, what is to be done.
    pub(super) async fn check(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let asked: RedisResult<Option<u64>> =
            cmd("VCARD").arg(self.set(&self.place(""))).query_async(connection).await;
        match asked {
            Err(error) if error.to_string().to_lowercase().contains("unknown command") => Err(
                "this server has no vector sets: expected Redis 8 or later, or semantic.index = \"memory\""
                    .to_owned(),
            ),
            Err(error) => Err(error.to_string()),
            Ok(_) => Ok(()),
        }
    }

    /// Makes an entry one that is found.
    pub(super) fn add(&self, all: &mut Pipeline, entry: &Entry) {
        let place = self.place(&entry.namespace);
        let (member, end) = (member(&place, entry.id), entry.expires_ms);
        all.cmd("VADD").arg(self.set(&place)).arg("FP32").arg(bytes(&entry.question_vector));
        all.arg(element(entry.id)).arg("Q8").ignore();
        all.cmd("ZADD").arg(self.ends()).arg(end).arg(&member).ignore();
        for source in &entry.sources {
            let source = self.source(source);
            all.cmd("ZREMRANGEBYSCORE").arg(&source).arg("-inf").arg(clock::now_ms()).ignore();
            all.cmd("ZADD").arg(&source).arg(end).arg(&member).ignore();
            // The first gives it an end, the second a later one.
            all.cmd("PEXPIREAT").arg(&source).arg(end).arg("NX").ignore();
            all.cmd("PEXPIREAT").arg(&source).arg(end).arg("GT").ignore();
        }
    }

    /// Makes an entry one that is found no more.
    pub(super) fn remove(&self, all: &mut Pipeline, entry: &Entry) {
        let member = member(&self.place(&entry.namespace), entry.id);
        self.remove_vector(all, &member);
        for source in &entry.sources {
            all.cmd("ZREM").arg(self.source(source)).arg(&member).ignore();
        }
    }

    /// Removes a vector by `PLACE:ID`; the sources' sets are tidied with their next entry.
    pub(super) fn remove_vector(&self, all: &mut Pipeline, member: &str) {
        if let Some((place, id)) = member.rsplit_once(':') {
            all.cmd("VREM").arg(self.set(place)).arg(id).ignore();
        }
        all.cmd("ZREM").arg(self.ends()).arg(member).ignore();
    }

    /// What finds the nearest of a namespace; its answer is for [`id_of`].
    pub(super) fn search(&self, namespace: &str, vector: &[f32], most: usize) -> Cmd {
        let mut search = cmd("VSIM");
        search.arg(self.set(&self.place(namespace))).arg("FP32").arg(bytes(vector));
        search.arg("COUNT").arg(most).arg("EF").arg(EFFORT);
        search
    }

    /// The name of a vector.
    pub(super) fn member(&self, namespace: &str, id: u64) -> String {
        member(&self.place(namespace), id)
    }

    /// The sorted set of all vectors, by when they end in Unix milliseconds.
    pub(super) fn ends(&self) -> String {
        format!("{}ends", self.prefix)
    }

    /// The sorted set of the vectors of what was made from a document.
    pub(super) fn source(&self, source: &str) -> String {
        format!("{}source:{}", self.prefix, fingerprint(&[source]))
    }

    fn place(&self, namespace: &str) -> String {
        format!("{}:{namespace}", self.embedder)
    }

    fn set(&self, place: &str) -> String {
        format!("{}vectors:{place}", self.prefix)
    }
}

/// The entry that a vector is of.
pub(super) fn id_of(member: &str) -> Option<u64> {
    let id = member.rsplit_once(':').map_or(member, |(_, id)| id);
    u64::from_str_radix(id, 16).ok()
}

fn member(place: &str, id: u64) -> String {
    format!("{place}:{}", element(id))
}

fn element(id: u64) -> String {
    format!("{id:016x}")
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vectors_name_says_which_entry_it_is_of() {
        let sets = VectorSets::new("slipstream", "all-MiniLM-L6-v2 f32");
        let member = sets.member(&"ab".repeat(32), 0x1f);
        assert_eq!((id_of(&member), id_of("000000000000001f"), id_of("x")), (Some(0x1f), Some(0x1f), None));
        assert_ne!(member, VectorSets::new("slipstream", "another").member(&"ab".repeat(32), 0x1f));
    }
}
