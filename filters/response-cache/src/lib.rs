//! The Envoy filter that caches responses.
