//! What all VMs of one filter in one process know.

use crate::{HostError, abi, random};

const WHATEVER_IS_THERE: u32 = 0;

/// A text that the VMs of this filter in this process share, and that nobody else can guess: the first that asks makes it.
pub fn secret(name: &str) -> Result<String, HostError> {
    if let Some(secret) = read(name)? {
        return Ok(secret);
    }
    let made = format!("{:016x}{:016x}", random::number(), random::number());
    abi::set_shared_data(name, made.as_bytes(), WHATEVER_IS_THERE)?;
    // Another VM may have made one at the same time: the later is everyone's.
    Ok(read(name)?.unwrap_or(made))
}

fn read(name: &str) -> Result<Option<String>, HostError> {
    Ok(abi::shared_data(name)?.and_then(|secret| String::from_utf8(secret.bytes).ok()))
}
