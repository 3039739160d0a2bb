//! A complete and commented configuration for one service.

mod address;
mod routes;

use std::fmt;

pub use address::Address;
pub use routes::CachedPath;

use crate::document::Node;
use crate::filters::{FILTERS, Filter};

const FRAME: &str = include_str!("init/frame.yaml");
const FILTER: &str = include_str!("init/filter.yaml");
const COMPANION: &str = include_str!("init/companion.yaml");
/// Where the rules for labels are taken from.
const SHIPPED: &str = include_str!("../../../envoy/front-proxy.yaml");

/// What the configuration is to be for.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The service's name: its cluster, and the label `service` of the metrics.
    pub service: String,
    /// Where Envoy listens.
    pub listen: Address,
    /// Where the service is.
    pub upstream: Address,
    /// Where the companion is.
    pub companion: Address,
    /// Where Envoy's admin interface listens.
    pub admin: Address,
    /// Names of the filters to load.
    pub filters: Vec<String>,
    /// The folder with the filters' `.wasm` files, as Envoy finds it.
    pub filter_folder: String,
    /// Paths whose responses are cached although the service sends no Cache-Control.
    pub cached: Vec<CachedPath>,
    /// The name of the file, for its comments.
    pub file: String,
}

/// Which answer cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableAnswer {
    /// The answer's name.
    pub name: &'static str,
    /// What is wrong with it, and what is expected.
    pub message: String,
}

impl fmt::Display for UnusableAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for UnusableAnswer {}

impl Answers {
    /// The configuration, as YAML.
    pub fn render(&self) -> Result<String, UnusableAnswer> {
        let filters = self.chosen()?;
        if !is_name(&self.service) {
            let message = format!(
                "`{}` is no name: use letters, digits, `.`, `_` and `-`, and begin with a letter",
                self.service
            );
            return Err(UnusableAnswer { name: "service", message });
        }
        let caches = filters.iter().any(|filter| filter.name == "response-cache");
        if !caches && !self.cached.is_empty() {
            let message = "needs the filter response-cache".to_owned();
            return Err(UnusableAnswer { name: "cache", message });
        }
        let asks_companion = caches || filters.iter().any(|filter| filter.name == "semantic-cache");
        let (upstream, downstream): (Vec<&Filter>, Vec<&Filter>) =
            filters.into_iter().partition(|filter| filter.is_upstream);
        let downstream: Vec<String> = downstream.iter().map(|filter| self.filter(filter)).collect();
        Ok(fill(
            FRAME,
            &[
                ("file", self.file.replace(char::is_control, "?")),
                ("service", self.service.clone()),
                ("admin_host", self.admin.host.clone()),
                ("admin_port", self.admin.port.to_string()),
                ("stats", stats_config().to_owned()),
                ("listen_host", self.listen.host.clone()),
                ("listen_port", self.listen.port.to_string()),
                ("routes", routes::render(&self.service, &self.cached)),
                ("downstream", downstream.concat()),
                ("upstream", self.upstream_chain(&upstream)),
                ("upstream_type", self.upstream.cluster_type().to_owned()),
                ("upstream_host", self.upstream.host.clone()),
                ("upstream_port", self.upstream.port.to_string()),
                ("clusters", if asks_companion { self.companion_clusters() } else { String::new() }),
            ],
        ))
    }

    /// The filters in the order in which they have to stand, whatever that of the answer.
    fn chosen(&self) -> Result<Vec<&'static Filter>, UnusableAnswer> {
        let wrong = |message| UnusableAnswer { name: "filters", message };
        if let Some(unknown) = self.filters.iter().find(|name| Filter::named(name).is_none()) {
            let known: Vec<&str> = FILTERS.iter().map(|filter| filter.name).collect();
            return Err(wrong(format!("there is no filter `{unknown}`: known are {}", known.join(", "))));
        }
        let is_chosen = |filter: &&Filter| {
            self.filters
                .iter()
                .any(|name| Filter::named(name).is_some_and(|chosen| chosen.name == filter.name))
        };
        let chosen: Vec<&Filter> = FILTERS.iter().filter(is_chosen).collect();
        if chosen.is_empty() { Err(wrong("expected one filter at least".to_owned())) } else { Ok(chosen) }
    }

    fn filter(&self, filter: &Filter) -> String {
        let (comment, settings) = match filter.name {
            "request-metrics" => (
                "Outermost: counts everything, hits and Envoy's own answers included.",
                "                            # Of all workers together; more are counted as `other`.\n                            max_label_sets: 200",
            ),
            "response-cache" => (
                "Outside compression, so that a response is compressed once, stored encoded and served many times.",
                include_str!("init/response-cache.yaml").trim_end(),
            ),
            "compression-observer" => (
                "Below Envoy's own compressors, which go right before it: it measures what they do on routes that say `observe`.",
                "                            # Of all workers together; more are counted as `other`.\n                            max_label_sets: 200",
            ),
            "semantic-cache" => (
                "Innermost, right before the router: it reads questions and answers in the clear. Routes turn it on, by a profile.",
                include_str!("init/semantic-cache.yaml").trim_end(),
            ),
            "compression" => (
                "Between the router and the service: what the cache answers does not come through here.",
                include_str!("init/compression.yaml").trim_end(),
            ),
            _ => ("", ""),
        };
        let wasm = format!("{}/{}.wasm", self.filter_folder.trim_end_matches('/'), filter.name);
        let text = fill(
            FILTER,
            &[
                ("comment", comment.to_owned()),
                ("filter", filter.name.to_owned()),
                ("wasm", quoted(&wasm)),
                ("service", self.service.clone()),
                ("settings", settings.to_owned()),
            ],
        );
        text + "\n"
    }

    /// The filters behind the router; none leave the router as it is.
    fn upstream_chain(&self, filters: &[&Filter]) -> String {
        if filters.is_empty() {
            return String::new();
        }
        let filters: String = filters.iter().map(|filter| self.filter(filter)).collect();
        let indented: String = filters
            .lines()
            .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") })
            .collect();
        let end = "                        - name: envoy.filters.http.upstream_codec
                          typed_config:
                            \"@type\": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec
";
        format!("                      upstream_http_filters:\n{indented}{end}")
    }

    fn companion_clusters(&self) -> String {
        fill(
            COMPANION,
            &[
                ("companion_type", self.companion.cluster_type().to_owned()),
                ("companion_host", self.companion.host.clone()),
                ("companion_port", self.companion.port.to_string()),
                ("refresh_host", self.listen.reachable_host().to_owned()),
                ("listen_port", self.listen.port.to_string()),
            ],
        )
    }
}

/// The shipped `stats_config`, with the comment above it.
fn stats_config() -> &'static str {
    let from =
        SHIPPED.find("# The filters' metrics carry").and_then(|at| SHIPPED.get(at..)).unwrap_or_default();
    from.split("static_resources:").next().unwrap_or_default()
}

/// Puts values in the places of `{{name}}`.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

/// What stands plainly in YAML, and in a metric's name.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && Node::parse(text).is_ok_and(|node| node.text() == Some(text))
}

/// JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
