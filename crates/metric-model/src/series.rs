//! One number of the host's.

use std::fmt;

/// A series: a counter, or one of the counters that make a histogram, of one label set.
///
/// [`Display`](fmt::Display) writes its full name with the labels encoded in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series<'a> {
    pub(crate) index: usize,
    pub(crate) labels: &'a str,
    pub(crate) name: &'a str,
}

impl Series<'_> {
    /// A number that is the series' own, for as long as the [`Metrics`](crate::Metrics) live. The numbers are dense
    /// and begin at 0.
    pub fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for Series<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.labels)?;
        f.write_str(self.name)
    }
}
