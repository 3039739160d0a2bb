//! Hands what a filter has counted over to Envoy.
