//! The page as HTML.

use std::fmt::Write;
use std::time::Duration;

use super::Point;
use super::chart::{self, Line};
use crate::cli::table::bytes;
use crate::watch::{Overview, RouteRow, percent, time};

/// The most routes that are listed: the busiest.
const MAX_ROUTES: usize = 50;

/// The whole page around its content, which is fetched anew after each interval.
pub(super) fn page(content: &str, interval: Duration) -> String {
    let ms = interval.as_millis();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Slipstream</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"stylesheet\" href=\"/ui/style.css\"><script src=\"/ui/live.js\" defer></script></head>\
         <body><header><h1>Slipstream</h1><p id=\"live\">live</p></header>\
         <main data-interval-ms=\"{ms}\">{content}</main></body></html>"
    )
}

/// The content while nothing has been read.
pub(super) fn nothing_yet() -> String {
    "<p class=\"note\">Nothing to show yet. Name the admin addresses of your Envoys in the setting <code>ui.envoys</code>, \
     such as <code>SLIPSTREAM_UI__ENVOYS=http://envoy:9901</code>; the first figures come after the second reading.</p>"
        .to_owned()
}

/// What was read last, and the charts.
pub(super) fn content(overview: &Overview, history: &[Point]) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write_content(&mut html, overview, history);
    html
}

fn write_content(html: &mut String, overview: &Overview, history: &[Point]) -> std::fmt::Result {
    let total = &overview.total;
    html.push_str("<section class=\"tiles\">");
    for (name, value) in [
        ("Requests", format!("{:.1}/s", total.requests_per_second)),
        ("Failed", percent(total.failed_share)),
        ("95 % within", time(total.p95_seconds)),
        ("Hits", percent(total.hit_ratio)),
        ("Saved", format!("{}/s", bytes(total.saved_bytes_per_second as u64))),
    ] {
        write!(html, "<div><h2>{name}</h2><p>{value}</p></div>")?;
    }
    html.push_str("</section><section class=\"charts\">");
    let line = |name, of: fn(&Point) -> Option<f64>| Line {
        name,
        values: history.iter().map(|point| (point.at, of(point))).collect(),
    };
    let requests = [line("all", |point| Some(point.requests)), line("failed", |point| Some(point.failed))];
    let durations =
        [line("median", |point| point.p50), line("95 %", |point| point.p95), line("99 %", |point| point.p99)];
    for (name, lines, top, show) in [
        ("Requests per second", &requests[..], None, (|value| format!("{value:.1}")) as fn(f64) -> String),
        ("Duration", &durations[..], None, |value| time(Some(value))),
        ("Hit ratio", &[line("hits", |point| point.hit_ratio)], Some(1.0), |value| {
            format!("{:.0} %", value * 100.0)
        }),
        ("Bytes saved per second", &[line("saved", |point| Some(point.saved_bytes))], None, |value| {
            bytes(value as u64)
        }),
    ] {
        let svg = chart::draw(lines, top, show);
        write!(html, "<figure><figcaption>{name}")?;
        for line in lines {
            write!(html, " <span>{}</span>", line.name)?;
        }
        write!(html, "</figcaption>{svg}</figure>")?;
    }
    html.push_str("</section>");
    write_routes(html, overview)?;
    write_parts(html, overview)
}

fn write_routes(html: &mut String, overview: &Overview) -> std::fmt::Result {
    html.push_str(
        "<section><h2>Routes</h2><table><thead><tr><th>Service</th><th>Route</th><th>Requests</th><th>Failed</th>\
         <th>Median</th><th>95 %</th><th>99 %</th><th>Hits</th><th>Saved</th></tr></thead><tbody>",
    );
    for RouteRow { service, route, rates } in overview.routes.iter().take(MAX_ROUTES) {
        write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{:.1}/s</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}/s</td></tr>",
            escaped(service),
            escaped(route),
            rates.requests_per_second,
            percent(rates.failed_share),
            time(rates.p50_seconds),
            time(rates.p95_seconds),
            time(rates.p99_seconds),
            percent(rates.hit_ratio),
            bytes(rates.saved_bytes_per_second as u64),
        )?;
    }
    html.push_str("</tbody></table></section>");
    Ok(())
}

fn write_parts(html: &mut String, overview: &Overview) -> std::fmt::Result {
    html.push_str("<section><h2>Parts</h2><table class=\"parts\"><tbody>");
    for source in &overview.sources {
        let (class, state) = match &source.error {
            None => ("up", "up".to_owned()),
            Some(error) => ("away", format!("away: {}", escaped(error))),
        };
        write!(html, "<tr><td>{}</td><td class=\"{class}\">{state}</td></tr>", escaped(&source.url))?;
    }
    let mut row = |name: &str, value: String| write!(html, "<tr><td>{name}</td><td>{value}</td></tr>");
    for (outcome, rate) in overview.lookups_per_second.iter().filter(|(_, rate)| **rate > 0.0) {
        row(&format!("lookups: {}", escaped(outcome)), format!("{rate:.1}/s"))?;
    }
    if let (Some(size), Some(entries)) = (overview.l1_bytes, overview.l1_entries) {
        row("in the Envoys' memory", format!("{} in {entries:.0} entries", bytes(size as u64)))?;
    }
    if let Some(is_ready) = overview.store_ready {
        row("store", if is_ready { "ready" } else { "not ready" }.to_owned())?;
        row("operations on the store", format!("{:.1}/s", overview.store_operations_per_second))?;
        row("invalidations", format!("{:.1}/s", overview.invalidations_per_second))?;
    }
    if let Some(followers) = overview.followers {
        row("followers of the log", format!("{followers:.0}"))?;
    }
    if let Some(hits) = overview.semantic_hits_per_second {
        row("semantic hits", format!("{hits:.1}/s"))?;
    }
    if let Some(active) = overview.pool_active {
        let waiting = overview.pool_waiting.unwrap_or_default();
        row("connection pool", format!("{active:.0} active, {waiting:.0} waiting"))?;
    }
    html.push_str("</tbody></table></section>");
    Ok(())
}

/// Text that others have written, as text.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_named_is_text() {
        assert_eq!(
            escaped("<b a='1' b=\"2\">&</b>"),
            "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;&lt;/b&gt;"
        );
    }
}
