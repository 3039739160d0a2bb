//! The companion of the model: a log, entries, and now and then nonsense.

use crate::input::Input;
use cache_protocol::Entry;
use invalidation::{InvalidationSet, Position, Record, Target};
use response_cache::ResponseCache;
use slipstream_host::double::{Double, SentCallout};
use std::collections::BTreeMap;

const EPOCH: u64 = 0xe;

/// Its state.
pub struct Companion {
    log: Vec<Record>,
    set: InvalidationSet,
    /// Envelopes, and until when they are kept.
    entries: BTreeMap<String, (Vec<u8>, u64)>,
    /// The poll that waits, and how much of the log it knows.
    poll: Option<u32>,
    told: usize,
    is_first: bool,
}

impl Default for Companion {
    fn default() -> Companion {
        let set = InvalidationSet::new(Position { epoch: EPOCH, seq: 0 }, 1_000);
        Companion { log: Vec::new(), set, entries: BTreeMap::new(), poll: None, told: 0, is_first: true }
    }
}

/// What it says to a lookup.
pub struct LookupAnswer {
    pub status: Option<u16>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Whether a callout asks for a stored response.
pub fn is_lookup(sent: &SentCallout) -> bool {
    sent.header(":path").is_some_and(|path| path.starts_with("/v1/responses"))
}

impl Companion {
    fn position(&self) -> Position {
        Position { epoch: EPOCH, seq: self.log.len() as u64 }
    }

    /// Takes what the plugin sends: polls wait, stores are kept.
    pub fn hear(&mut self, proxy: &Double<ResponseCache>, sent: SentCallout) {
        let path = sent.header(":path").unwrap_or_default();
        if path.starts_with("/v1/invalidations") {
            self.poll = Some(sent.token);
        } else if sent.header(":method") == Some("PUT") {
            let entry = Entry::decode(&sent.body).expect("what it stores is an entry");
            if self.set.admits(&entry.key, &entry.tags, entry.position) {
                let ttl_ms = sent.header("slipstream-ttl-ms").and_then(|ttl| ttl.parse::<u64>().ok());
                let until_ms = super::now_ms() + ttl_ms.expect("it says for how long");
                self.entries.insert(entry.key, (sent.body, until_ms));
            }
            proxy.answer(sent.token, Some(204), &[], b"");
        } else {
            proxy.answer(sent.token, Some(204), &[], b"");
        }
    }

    /// Whether the follower knows the whole log.
    pub fn is_confirmed(&self) -> bool {
        self.told == self.log.len() && !self.is_first
    }

    /// Answers the poll that waits with what is new.
    pub fn answer_poll(&mut self, proxy: &Double<ResponseCache>) {
        let Some(token) = self.poll.take() else { return };
        let records: Vec<_> = self
            .log
            .iter()
            .skip(self.told)
            .map(|record| {
                let mut json =
                    serde_json::json!({"seq": record.seq, "kind": kind(&record.target), "soft": record.soft});
                if let Some(value) = record.target.value() {
                    json["value"] = value.into();
                }
                json
            })
            .collect();
        let page = serde_json::json!({
            "lease_ms": 1_000, "position": self.position().to_string(), "reset": self.is_first, "records": records,
        });
        (self.told, self.is_first) = (self.log.len(), false);
        proxy.answer(token, Some(200), &[], page.to_string().as_bytes());
    }

    /// Purges everything that there is to be had, in one of several ways.
    pub fn purge(&mut self, input: &mut Input<'_>) {
        let target = match input.below(4) {
            0 => Target::Tag("items".to_owned()),
            1 => Target::Prefix("GET shop.example/".to_owned()),
            2 => Target::Glob("GET shop.example/*".to_owned()),
            _ => Target::All,
        };
        let record = Record { seq: self.log.len() as u64 + 1, target, soft: false };
        self.set.apply(record.clone()).expect("it comes in order");
        self.log.push(record);
    }

    /// What it says to a lookup: mostly the truth.
    pub fn answer(&self, lookup: &SentCallout, input: &mut Input<'_>) -> LookupAnswer {
        let headers = vec![("slipstream-position", self.position().to_string())];
        let answer = |status, body| LookupAnswer { status, headers, body };
        let key = lookup.header("slipstream-key").unwrap_or_default();
        let is_kept = |(_, until_ms): &&(Vec<u8>, u64)| super::now_ms() < *until_ms;
        let kept = self.entries.get(key).filter(is_kept).map(|(envelope, _)| envelope);
        let stored = kept.filter(|envelope| {
            let entry = Entry::decode(envelope).expect("it was one");
            self.set.admits(&entry.key, &entry.tags, entry.position)
        });
        match input.below(12) {
            0 => answer(None, Vec::new()),
            1 => answer(Some(503), Vec::new()),
            2 => answer(Some(200), input.piece().to_vec()),
            // Another's entry, which no companion should have taken for this one.
            3 => {
                let other = self.entries.iter().find(|(other, _)| *other != key);
                answer(Some(200), other.map_or(Vec::new(), |(_, (envelope, _))| envelope.clone()))
            }
            4 => {
                let half = stored.map_or(0, |envelope| envelope.len() / 2);
                answer(Some(200), stored.map_or(Vec::new(), |envelope| envelope[..half].to_vec()))
            }
            _ => match stored {
                Some(envelope) => answer(Some(200), envelope.clone()),
                None => answer(Some(404), Vec::new()),
            },
        }
    }
}

fn kind(target: &Target) -> &'static str {
    match target {
        Target::Key(_) => "key",
        Target::Tag(_) => "tag",
        Target::Prefix(_) => "prefix",
        Target::Glob(_) => "glob",
        Target::All => "all",
    }
}
