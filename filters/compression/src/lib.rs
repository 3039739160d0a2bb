//! The Envoy filter that compresses responses.
