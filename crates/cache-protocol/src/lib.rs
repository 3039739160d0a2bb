//! What a filter and the companion say to each other.
