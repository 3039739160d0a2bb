//! What Envoy knows about a stream beside its headers.

use crate::HostError;
use crate::abi;

/// A property by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property(&'static [u8]);

impl Property {
    /// Name of the route that was chosen; empty for a route without a name.
    pub const ROUTE_NAME: Property = Property(b"xds\0route_name");
    /// Name of the cluster that the route leads to.
    pub const CLUSTER_NAME: Property = Property(b"xds\0cluster_name");
    /// The route's metadata, a serialized `envoy.config.core.v3.Metadata`.
    pub const ROUTE_METADATA: Property = Property(b"xds\0route_metadata");
    /// Status code that went to the client (8 bytes, little-endian).
    pub const RESPONSE_CODE: Property = Property(b"response\0code");
    /// Bytes of the response's body (8 bytes, little-endian).
    pub const RESPONSE_SIZE: Property = Property(b"response\0size");
    /// Bytes of the request's body (8 bytes, little-endian).
    pub const REQUEST_SIZE: Property = Property(b"request\0size");
    /// The request's method.
    pub const REQUEST_METHOD: Property = Property(b"request\0method");
    /// Nanoseconds from the request's first byte to the end of the response (8 bytes, little-endian).
    pub const REQUEST_DURATION: Property = Property(b"request\0duration");

    /// Why the request failed, as bits: Envoy's response flags (8 bytes, little-endian).
    pub const RESPONSE_FLAGS: Property = Property(b"response\0flags");
    /// Where the status code comes from, such as `via_upstream`.
    pub const CODE_DETAILS: Property = Property(b"response\0code_details");
    /// Nanoseconds from the first byte sent to the service to the first that came back (8 bytes, little-endian).
    pub const BACKEND_LATENCY: Property = Property(b"response\0backend_latency");

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn path(self) -> &'static [u8] {
        self.0
    }

    /// The bytes of the property; none if the stream does not have it.
    pub fn bytes(self) -> Result<Option<Vec<u8>>, HostError> {
        abi::property(self.0)
    }
}
