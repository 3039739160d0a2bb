//! What is counted: names, labels and buckets.

/// Metrics that share their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Names of the labels, in the order of the values handed to [`Metrics::set`](crate::Metrics::set).
    pub labels: &'static [&'static str],
    /// Names of the counters.
    pub counters: &'static [&'static str],
    /// The histograms.
    pub histograms: Vec<HistogramSpec>,
}

/// What the numbers of a histogram mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, percent and other whole things: exposed as observed.
    Whole,
    /// Observed in microseconds, exposed in seconds.
    Microseconds,
    /// Shares of one: observed in thousandths, exposed as fractions.
    Thousandths,
}

impl Unit {
    /// How many of the observed unit make one of the exposed unit.
    pub(crate) fn per_base(self) -> u64 {
        match self {
            Unit::Whole => 1,
            Unit::Microseconds => 1_000_000,
            Unit::Thousandths => 1_000,
        }
    }
}

/// A histogram.
///
/// It is exposed as the counters `NAME_bucket` (cumulative, with the label `le`, `+Inf` included), `NAME_count`
/// and `NAME_sum`. A histogram in seconds has one more, because counters are whole numbers and whole seconds are coarse
/// where traffic is low: `http_request_duration_seconds` also has `http_request_duration_microseconds_total`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSpec {
    /// Name, with the base unit in it.
    pub name: &'static str,
    /// What is observed.
    pub unit: Unit,
    /// The buckets' inclusive upper bounds in the observed unit, ascending.
    pub bounds: Vec<u64>,
}

impl HistogramSpec {
    /// Durations: observed in microseconds, exposed in seconds.
    pub fn seconds(name: &'static str, bounds_us: &[u64]) -> HistogramSpec {
        HistogramSpec { name, unit: Unit::Microseconds, bounds: bounds_us.to_vec() }
    }

    /// Shares of one: observed in thousandths, exposed as fractions.
    pub fn share(name: &'static str, bounds_thousandths: &[u64]) -> HistogramSpec {
        HistogramSpec { name, unit: Unit::Thousandths, bounds: bounds_thousandths.to_vec() }
    }

    /// Bytes, percent and the like.
    pub fn whole(name: &'static str, bounds: &[u64]) -> HistogramSpec {
        HistogramSpec { name, unit: Unit::Whole, bounds: bounds.to_vec() }
    }

    /// Appends the names of the series, in the order in which a set keeps them.
    fn series(&self, to: &mut Vec<String>) {
        let limits = self.bounds.iter().map(|bound| decimal(*bound, self.unit.per_base()));
        to.extend(
            limits.chain(["+Inf".to_owned()]).map(|limit| format!("le=.={limit};.;{}_bucket", self.name)),
        );
        to.push(format!("{}_count", self.name));
        to.push(format!("{}_sum", self.name));
        if self.unit == Unit::Microseconds {
            let stem = self.name.strip_suffix("_seconds").unwrap_or(self.name);
            to.push(format!("{stem}_microseconds_total"));
        }
    }
}

impl GroupSpec {
    /// The names of a set's series, without the set's labels, in the order in which it keeps them.
    pub(crate) fn series(&self) -> Vec<String> {
        let mut names = self.counters.iter().map(|name| (*name).to_owned()).collect();
        for histogram in &self.histograms {
            histogram.series(&mut names);
        }
        names
    }
}

/// `value / per_base`, exact and without trailing zeros; `per_base` is a power of ten.
fn decimal(value: u64, per_base: u64) -> String {
    let (whole, rest) = (value / per_base, value % per_base);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = per_base.ilog10() as usize;
    let text = format!("{whole}.{rest:0digits$}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::decimal;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_limit_is_written_exactly() {
        for (value, per_base, text) in [
            (5_000, 1_000_000, "0.005"),
            (1_000_000, 1_000_000, "1"),
            (10_000_000, 1_000_000, "10"),
            (2_500_000, 1_000_000, "2.5"),
            (1, 1_000_000, "0.000001"),
            (0, 1_000_000, "0"),
            (100, 1, "100"),
            (950, 1_000, "0.95"),
            (1_000, 1_000, "1"),
        ] {
            assert_eq!(decimal(value, per_base), text);
        }
    }
}
