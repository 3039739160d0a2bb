//! A safe, byte-based face of the proxy-wasm host, and its test double.
//!
//! A filter implements [`Plugin`] (one a VM and configuration) and [`Stream`] (one a request), and talks to Envoy
//! through the functions of this crate. In wasm they call the host; natively they call the [`double`] of the
//! current thread, so that a filter's flow runs in an ordinary test.
//!
//! Every answer of the host is a value: no status panics, and header values are bytes, because a header that is
//! not UTF-8 is no reason to kill a VM.

mod abi;
mod active;
mod body;
mod callout;
mod clock;
mod config;
mod dispatcher;
#[cfg(not(target_arch = "wasm32"))]
pub mod double;
mod entry;
mod error;
mod gauge;
mod headers;
mod label_sets;
mod local_reply;
mod log;
pub mod metrics;
mod pairs;
mod plugin;
mod property;
pub mod random;
mod route;
pub mod shared;
mod structs;

pub use active::wake;
pub use body::Body;
pub use callout::{Callout, CalloutError, CalloutResponse, Token};
pub use clock::{Moment, monotonic_ns, unix_ms};
pub use config::{ConfigError, check_field_names, load as load_config, within};
pub use dispatcher::Dispatcher;
pub use error::HostError;
pub use headers::{HeaderMap, Headers};
pub use label_sets::SharedLabelSets;
pub use local_reply::{HeaderBlock, send as send_local_reply};
pub use log::{error, info, warn};
pub use plugin::{Action, ContextId, Plugin, Stream, resume_request, resume_response};
pub use property::Property;
pub use route::{ROUTE_MAX_AGE, Route, Routes, route_name};

#[doc(hidden)]
#[cfg(target_arch = "wasm32")]
pub use proxy_wasm;
