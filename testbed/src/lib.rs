//! Real servers for tests, demo and benchmark: found, started on free ports, stopped.
