//! A safe, byte-based face of the proxy-wasm host, and its test double.
