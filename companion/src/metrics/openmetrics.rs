//! Metrics in the text format of OpenMetrics 1.0, which has room for exemplars, and in Prometheus' own.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::exemplars::{AllExemplars, Exemplar};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that a client likes better; who says nothing gets Prometheus' own.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        let mut best = (Self::Prometheus, 0.0);
        for accepted in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
            for range in accepted.split(',') {
                let mut parts = range.split(';').map(str::trim);
                let media_type = parts.next().unwrap_or_default();
                let weight =
                    parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f64>);
                let format = match media_type.to_ascii_lowercase().as_str() {
                    "application/openmetrics-text" => Self::OpenMetrics,
                    "text/plain" | "text/*" | "*/*" => Self::Prometheus,
                    _ => continue,
                };
                if let Ok(weight) = weight
                    && weight > best.1
                {
                    best = (format, weight);
                }
            }
        }
        best.0
    }

    /// The answer's Content-Type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Metrics as OpenMetrics.
pub(super) fn encode(families: &[MetricFamily], exemplars: &AllExemplars) -> String {
    let mut text = String::new();
    for family in families {
        // Writing to a string cannot fail.
        let _ = write_family(&mut text, family, exemplars);
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, family: &MetricFamily, exemplars: &AllExemplars) -> std::fmt::Result {
    let (kind, name) = match family.get_field_type() {
        // A counter's family is named without the ending that its samples must have.
        MetricType::COUNTER => ("counter", family.name().strip_suffix("_total").unwrap_or(family.name())),
        MetricType::GAUGE => ("gauge", family.name()),
        MetricType::HISTOGRAM => ("histogram", family.name()),
        // The companion has none of these.
        MetricType::SUMMARY | MetricType::UNTYPED => return Ok(()),
    };
    writeln!(text, "# TYPE {name} {kind}")?;
    for unit in ["seconds", "bytes"] {
        if name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')) {
            writeln!(text, "# UNIT {name} {unit}")?;
        }
    }
    writeln!(text, "# HELP {name} {}", escaped(family.help(), false))?;
    for metric in family.get_metric() {
        let labels = metric.get_label();
        match family.get_field_type() {
            MetricType::COUNTER => {
                writeln!(text, "{name}_total{} {}", shown(labels, None), metric.get_counter().get_value())?;
            }
            MetricType::GAUGE => {
                writeln!(text, "{name}{} {}", shown(labels, None), metric.get_gauge().get_value())?
            }
            _ => write_histogram(text, name, metric, exemplars)?,
        }
    }
    Ok(())
}

fn write_histogram(text: &mut String, name: &str, metric: &Metric, all: &AllExemplars) -> std::fmt::Result {
    let (labels, histogram) = (metric.get_label(), metric.get_histogram());
    let values = labels.iter().map(|label| label.value().to_owned()).collect();
    let exemplars = all.get(&(name.to_owned(), values));
    let buckets =
        histogram.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
    let last = (f64::INFINITY, histogram.get_sample_count());
    for (place, (bound, count)) in buckets.chain([last]).enumerate() {
        // As in the other format, and not 1.0 or 1e-05: a query must not depend on who scraped.
        let bound = if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() };
        write!(text, "{name}_bucket{} {count}", shown(labels, Some(&bound)))?;
        if let Some(exemplar) = exemplars.and_then(|exemplars| exemplars.of(place)) {
            write_exemplar(text, exemplar)?;
        }
        text.push('\n');
    }
    writeln!(text, "{name}_count{} {}", shown(labels, None), histogram.get_sample_count())?;
    writeln!(text, "{name}_sum{} {}", shown(labels, None), histogram.get_sample_sum())
}

fn write_exemplar(text: &mut String, exemplar: Exemplar) -> std::fmt::Result {
    let Exemplar { trace_id, value, at } = exemplar;
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    write!(text, " # {{trace_id=\"{trace_id:032x}\"}} {value} {:.3}", at.as_secs_f64())
}

/// Labels in braces; nothing if there are none.
fn shown(labels: &[LabelPair], bound: Option<&str>) -> String {
    let own = labels.iter().map(|label| format!("{}=\"{}\"", label.name(), escaped(label.value(), true)));
    let all: Vec<String> = own.chain(bound.map(|bound| format!("le=\"{bound}\""))).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_format_they_like_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accepted, format) in [
            (None, Format::Prometheus),
            (Some(prometheus), Format::OpenMetrics),
            (Some("*/*"), Format::Prometheus),
            (Some("text/plain, application/openmetrics-text;q=0.5"), Format::Prometheus),
            (Some("application/openmetrics-text; q=0, text/plain;q=0.1"), Format::Prometheus),
            (Some("application/json"), Format::Prometheus),
            (Some("APPLICATION/OPENMETRICS-TEXT"), Format::OpenMetrics),
        ] {
            let headers = accepted.map(|accepted| (ACCEPT, accepted.try_into().unwrap()));
            assert_eq!(Format::negotiate(&headers.into_iter().collect()), format, "{accepted:?}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        for (text, quoted) in [("a\"b", "a\\\"b"), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb")] {
            assert_eq!(escaped(text, true), quoted);
        }
    }
}
