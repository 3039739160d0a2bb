//! End-to-end tests against the real Envoy, Redis and PostgreSQL.
