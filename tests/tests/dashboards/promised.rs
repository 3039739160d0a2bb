//! The queries that people have been promised, and which of them there are metrics for.

/// Whether there are metrics for a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// It is asked, and its answer compared with what was measured.
    Yes,
    /// The part that feeds it is not there yet; once it is, this becomes [`Fed::Yes`].
    NotYet,
}

/// The mean share that compression saves, in percent.
pub const COMPRESSION_RATIO: &str =
    "rate(opt001_compression_ratio_percent_sum[5m]) / rate(opt001_compression_ratio_percent_count[5m])";
/// The share of answers of the cache that are hits.
pub const HIT_RATIO: &str = "rate(opt004_cache_hits_total[5m]) / (rate(opt004_cache_hits_total[5m]) + rate(opt004_cache_misses_total[5m]))";

/// Questions a second that were answered by the answer to a like one.
pub const SEMANTIC_HITS: &str = "rate(opt007_semantic_cache_hits_total[5m])";
/// How long 19 of 20 queries take at most.
pub const QUERY_TIME: &str = "histogram_quantile(0.95, rate(opt005_db_query_duration_seconds_bucket[5m]))";
/// What 19 of 20 streamed answers are complete within.
pub const STREAMS_P95: &str =
    "histogram_quantile(0.95, rate(opt008_streaming_response_time_seconds_bucket[5m]))";

/// All five, and whether they are fed.
pub const QUERIES: [(&str, Fed); 5] = [
    (COMPRESSION_RATIO, Fed::Yes),
    (HIT_RATIO, Fed::Yes),
    (QUERY_TIME, Fed::Yes),
    (SEMANTIC_HITS, Fed::Yes),
    (STREAMS_P95, Fed::Yes),
];

/// How metrics begin that are not there yet: panels that ask for them are checked, but not asked. Delete a line once
/// the test's stack feeds them; the test says so if that has been forgotten.
pub const NOT_YET: [&str; 0] = [];
