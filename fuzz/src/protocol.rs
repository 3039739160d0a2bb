//! What filters and companion say to each other.

use cache_protocol::{
    Entry, EntryPage, InvalidationAck, InvalidationRequest, LeaseGrant, PollAnswer, TraceParent,
};
use cache_protocol::{stated_position, summary};
use invalidation::{Position, Target};

/// The bytes are an envelope, and what stands behind a right head and checksum.
pub fn envelope(bytes: &[u8]) {
    let checksum = xxhash_rust::xxh3::xxh3_64(bytes).to_le_bytes();
    let sealed = [b"SLR\x01", &checksum[..], bytes].concat();
    for bytes in [bytes, &sealed] {
        let _ = stated_position(bytes);
        let summary = summary(bytes);
        if let Ok(entry) = Entry::decode(bytes) {
            assert_eq!(Entry::decode(&entry.encode()).as_ref(), Ok(&entry));
            let summary = summary.expect("an entry has a summary");
            assert_eq!((summary.key, summary.position), (entry.key.as_str(), entry.position));
        }
    }
}

/// The bytes are a message in JSON, or a field that carries a position or a trace.
pub fn messages(bytes: &[u8]) {
    let _ = serde_json::from_slice::<PollAnswer>(bytes);
    let _ = serde_json::from_slice::<InvalidationRequest>(bytes);
    let _ = serde_json::from_slice::<InvalidationAck>(bytes);
    let _ = serde_json::from_slice::<LeaseGrant>(bytes);
    let _ = serde_json::from_slice::<EntryPage>(bytes);
    let _ = TraceParent::parse(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(position) = text.parse::<Position>() {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
    let (kind, value) = text.split_once(' ').unwrap_or((&text, ""));
    if let Ok(target) = Target::from_parts(kind, Some(value.to_owned())) {
        assert_eq!(target.value(), Some(value));
    }
}
