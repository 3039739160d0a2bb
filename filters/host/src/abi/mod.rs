//! The host's calls as safe functions: Envoy in wasm, the test double natively.

#[cfg(target_arch = "wasm32")]
#[path = "wasm.rs"]
mod backend;

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod backend;

pub use backend::*;

/// The status of a call that would have overwritten what somebody else has written meanwhile.
pub const CAS_MISMATCH: u32 = 8;

/// What the VMs of a filter share under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedData {
    /// What it is.
    pub bytes: Vec<u8>,
    /// Changes whenever it is written; 0 if it never was.
    pub version: u32,
}

/// A header map of the host (`proxy_header_map_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MapId {
    /// Request headers.
    Request = 0,
    /// Response headers.
    Response = 2,
    /// Headers of the answer to a callout.
    CalloutResponse = 6,
}

/// A byte buffer of the host (`proxy_buffer_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum BufferId {
    /// The request's body, as far as it is buffered.
    RequestBody = 0,
    /// The response's body, as far as it is buffered.
    ResponseBody = 1,
    /// The body of the answer to a callout.
    CalloutBody = 4,
    /// The plugin's configuration.
    PluginConfiguration = 7,
}

/// Which half of a stream to go on with (`proxy_stream_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Half {
    /// The request.
    Request = 0,
    /// The response.
    Response = 1,
}

/// Kind of a metric (`proxy_metric_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MetricKind {
    /// Only grows.
    Counter = 0,
    /// Goes up and down.
    Gauge = 1,
}

/// Log level (`proxy_log_level_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Level {
    /// For information.
    Info = 2,
    /// Something is off, and survived.
    Warn = 3,
    /// Something does not work.
    Error = 4,
}
