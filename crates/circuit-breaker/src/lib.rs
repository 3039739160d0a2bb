//! Stops asking a service that keeps failing, and probes it until it answers again.
