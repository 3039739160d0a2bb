//! A throwaway Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Launch, Process, Request, Response, Tool, http, ports, temp_dir};

/// A Prometheus with a configuration of the test's.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    port: u16,
    dir: TempDir,
}

/// One series of an answer: its labels, and its values in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels; the metric's name is `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Its values; one, where the question was about a moment.
    pub values: Vec<f64>,
}

impl Prometheus {
    /// Starts a server on a free loopback port and waits until it is ready to answer. `files` are put beside its
    /// configuration, by their paths from there, for `rule_files`. It keeps exemplars.
    pub fn start(configuration: &str, files: &[(&str, &str)]) -> Result<Prometheus> {
        let dir = temp_dir("prometheus")?;
        fs::write(dir.path().join("prometheus.yml"), configuration)
            .context("cannot write Prometheus' configuration")?;
        for (name, text) in files {
            let path = dir.path().join(name);
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, text).with_context(|| format!("cannot write {name}"))?;
        }
        let port = ports::free();
        let process = Launch::new("prometheus", Tool::Prometheus.path()?, dir.path())
            .args(["--config.file", "prometheus.yml", "--storage.tsdb.path", "data"])
            .args(["--enable-feature", "exemplar-storage", "--log.level", "warn"])
            .args(["--web.listen-address", &format!("127.0.0.1:{port}")])
            .timeout(Duration::from_secs(60))
            .start(|| http::is_ok(&format!("http://127.0.0.1:{port}/-/ready")))?;
        Ok(Prometheus { process, port, dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder it runs in, with its configuration.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// What a query comes to now.
    pub fn query(&self, promql: &str) -> Result<Vec<Series>> {
        series(&self.ask("query", &[("query", promql)])?)
    }

    /// The single number that a query comes to now.
    pub fn number(&self, promql: &str) -> Result<f64> {
        let answer = self.query(promql)?;
        match answer.as_slice() {
            [Series { values, .. }] => values.last().copied().context("a series without a value"),
            _ => bail!("{promql}: expected one series, got {answer:?}"),
        }
    }

    /// What a query came to over the last `seconds`, in steps of so many seconds.
    pub fn query_range(&self, promql: &str, seconds: u32, step: u32) -> Result<Vec<Series>> {
        let now = self.number("time()")?;
        let (start, end) = ((now - f64::from(seconds)).to_string(), now.to_string());
        let step = step.to_string();
        let parameters = [("query", promql), ("start", &start), ("end", &end), ("step", &step)];
        series(&self.ask("query_range", &parameters)?)
    }

    /// The `data` of an answer of the interface, `/api/v1/PATH`.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        ask(self.port, path, parameters)
    }
}

/// What a query comes to now, asked of whichever Prometheus has this port of loopback.
pub fn query_prometheus(port: u16, promql: &str) -> Result<Vec<Series>> {
    series(&ask(port, "query", &[("query", promql)])?)
}

fn ask(port: u16, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
    let query: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let url = format!("http://127.0.0.1:{port}/api/v1/{path}?{}", query.join("&"));
    let answer: Response = http::Client::new().send(Request::get(&url))?;
    let mut json: Value = serde_json::from_str(&answer.text())
        .with_context(|| format!("{url}: {} {}", answer.status, answer.text()))?;
    ensure!(json["status"] == "success", "{path} {parameters:?}: {}", json["error"]);
    Ok(json["data"].take())
}

/// Of a query's answer, what came of it; a single number is a series without labels.
fn series(data: &Value) -> Result<Vec<Series>> {
    let number = |pair: &Value| pair[1].as_str().and_then(|number| number.parse::<f64>().ok());
    if data["resultType"] == "scalar" {
        let values = vec![number(&data["result"]).context("a scalar without a value")?];
        return Ok(vec![Series { labels: BTreeMap::new(), values }]);
    }
    let result = data["result"].as_array().with_context(|| format!("no result in {data}"))?;
    let one = |series: &Value| {
        let pairs = match series["values"].as_array() {
            Some(pairs) => pairs.clone(),
            None => vec![series["value"].clone()],
        };
        let labels = series["metric"].as_object().context("no labels")?;
        let labels =
            labels.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let values: Option<Vec<f64>> = pairs.iter().map(number).collect();
        Ok(Series { labels: labels.collect(), values: values.context("a value that is no number")? })
    };
    result.iter().map(one).collect()
}

/// A value as a part of a query (RFC 3986 §2.1).
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait_until;

    const PATIENCE: Duration = Duration::from_secs(60);

    const ITSELF: &str = "global: {scrape_interval: 200ms}\nrule_files: [rules.yml]\nscrape_configs:\n\
                          - {job_name: itself, static_configs: [{targets: ['127.0.0.1:PORT']}]}\n";
    const RULES: &str = "groups: [{name: g, interval: 200ms, rules: [{record: two, expr: vector(2)}]}]";

    #[test]
    fn scrapes_and_answers() {
        // Another server's metrics do as well as its own, whose port is not known before it runs.
        let first = Prometheus::start("global: {scrape_interval: 1s}", &[]).unwrap();
        let configuration = ITSELF.replace("PORT", &first.port().to_string());
        let second = Prometheus::start(&configuration, &[("rules.yml", RULES)]).unwrap();
        assert!(wait_until(PATIENCE, || second
            .number("sum(up{job='itself'}) + sum(two)")
            .is_ok_and(|sum| sum == 3.0)));
        let range = second.query_range("up", 1, 1).unwrap();
        assert_eq!(range[0].labels["job"], "itself", "{range:?}");
        assert_eq!(second.number("1 + 1").unwrap(), 2.0);
        assert!(
            second.query("1 +").unwrap_err().to_string().contains("parse error"),
            "{:?}",
            second.query("1 +")
        );
    }

    #[test]
    fn a_bad_configuration_is_an_error_in_its_words() {
        let error = Prometheus::start("globule: {}", &[]).unwrap_err().to_string();
        assert!(error.contains("globule"), "{error}");
    }
}
