//! The Envoy filter that measures requests.
