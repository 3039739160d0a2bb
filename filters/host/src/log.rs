//! Lines in Envoy's log.

use crate::abi::{self, Level};

/// Logs for information.
pub fn info(message: &str) {
    abi::log(Level::Info, message);
}

/// Logs something that is off, and survived.
pub fn warn(message: &str) {
    abi::log(Level::Warn, message);
}

/// Logs something that does not work.
pub fn error(message: &str) {
    abi::log(Level::Error, message);
}
