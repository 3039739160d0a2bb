//! How signals may lie in chunks and segments.

use std::fmt;

use serde::Serialize;

/// How signals lie: the time of a chunk, and the columns that make its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Layout {
    /// The time of a chunk, in days.
    pub days: u32,
    /// The columns that make segments.
    pub segment_by: &'static [&'static str],
}

/// What the migrations make: the set `timescale`.
pub const CHOSEN: Layout = Layout { days: 30, segment_by: &["asset"] };

/// What is compared. The third is what the set `timescale-small-segments` makes.
pub const LAYOUTS: [Layout; 7] = [
    CHOSEN,
    Layout { days: 7, segment_by: &["asset"] },
    Layout { days: 1, segment_by: &["asset", "channel", "signal_type"] },
    Layout { days: 7, segment_by: &["asset", "channel", "signal_type"] },
    Layout { days: 30, segment_by: &["asset", "channel", "signal_type"] },
    Layout { days: 30, segment_by: &["asset", "signal_type"] },
    Layout { days: 30, segment_by: &[] },
];

impl Layout {
    /// The columns as SQL has them in a list.
    pub(crate) fn columns(&self) -> String {
        self.segment_by.join(", ")
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = if self.segment_by.is_empty() {
            "one segment".to_owned()
        } else {
            format!("by {}", self.columns())
        };
        let unit = if self.days == 1 { "day" } else { "days" };
        write!(f, "{segments}; {} {unit}", self.days)
    }
}
