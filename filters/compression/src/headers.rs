//! Changes of headers: all of them, or none.

use compression_policy::Change;
use http_semantics::Fields;
use slipstream_host::{HeaderMap, Headers, HostError};

/// Makes changes. If the host refuses one, those before it are undone.
pub fn apply(map: HeaderMap, original: &Headers, changes: &[Change]) -> Result<(), HostError> {
    for (made, change) in changes.iter().enumerate() {
        let result = match change {
            Change::Set(name, value) => map.set(name, value),
            Change::Remove(name) => map.remove(name),
        };
        if let Err(error) = result {
            undo(map, original, changes.get(..made).unwrap_or_default());
            return Err(error);
        }
    }
    Ok(())
}

/// Gives the changed fields the lines back that they had. What the host refuses now cannot be helped.
pub fn undo(map: HeaderMap, original: &Headers, changes: &[Change]) {
    for change in changes {
        let _ = match change {
            Change::Set(name, _) => restore_set(map, original, name),
            Change::Remove(name) => add_all(map, original, name, 0),
        };
    }
}

fn restore_set(map: HeaderMap, original: &Headers, name: &str) -> Result<(), HostError> {
    match original.first(name) {
        Some(first) => {
            map.set(name, first)?;
            add_all(map, original, name, 1)
        }
        None => map.remove(name),
    }
}

fn add_all(map: HeaderMap, original: &Headers, name: &str, skip: usize) -> Result<(), HostError> {
    original.values(name).skip(skip).try_for_each(|value| map.add(name, value))
}
