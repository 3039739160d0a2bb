//! The nearest of many vectors, and which of what is kept has to go.
//!
//! An [`Index`] keeps of each vector the signs of its numbers, one bit each, beside the numbers themselves. A search
//! compares the signs with all, which is quick, and the numbers with those few whose signs differ least. It needs no
//! building, and forgets as quickly as it learns. A [`Shelf`] says what is too old, and what has to make room.

mod codes;
mod index;
mod shelf;

pub use index::{Index, Neighbour, WrongDimensions, cosine};
pub use shelf::{Limits, Shelf};
