//! Changes of a response's headers: all of them, or none.

use compression_policy::Change;
use http_semantics::Fields;
use slipstream_host::{HeaderMap, Headers, HostError};

/// Makes changes. If the host refuses one, those before it are undone.
pub fn apply(original: &Headers, changes: &[Change]) -> Result<(), HostError> {
    for (made, change) in changes.iter().enumerate() {
        let result = match change {
            Change::Set(name, value) => HeaderMap::Response.set(name, value),
            Change::Remove(name) => HeaderMap::Response.remove(name),
        };
        if let Err(error) = result {
            undo(original, changes.get(..made).unwrap_or_default());
            return Err(error);
        }
    }
    Ok(())
}

/// Gives the changed fields the lines back that they had. What the host refuses now cannot be helped.
pub fn undo(original: &Headers, changes: &[Change]) {
    for change in changes {
        let _ = match change {
            Change::Set(name, _) => restore_set(original, name),
            Change::Remove(name) => add_all(original, name, 0),
        };
    }
}

fn restore_set(original: &Headers, name: &str) -> Result<(), HostError> {
    match original.first(name) {
        Some(first) => {
            HeaderMap::Response.set(name, first)?;
            add_all(original, name, 1)
        }
        None => HeaderMap::Response.remove(name),
    }
}

fn add_all(original: &Headers, name: &str, skip: usize) -> Result<(), HostError> {
    original.values(name).skip(skip).try_for_each(|value| HeaderMap::Response.add(name, value))
}
