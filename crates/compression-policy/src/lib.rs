//! Which responses are compressed, and what their headers become.
