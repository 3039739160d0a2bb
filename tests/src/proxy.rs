//! Origin, companion and Envoy as one thing to ask.

use testbed::{Client, Companion, FrontProxy, Origin, Request, Response};

use crate::{Metrics, PATIENCE, Setup, wait_for};

/// What stands in Envoy's log when a filter has died or broken a rule of the host.
const SIGNS_OF_DEATH: [&str; 5] =
    ["[critical]", "panicked", "VM failure", "in-VM backtrace", "Proxy-Wasm VM is in a failed state"];

/// A running front proxy with all it needs. When it is dropped, Envoy's log must show no sign of a filter that died.
pub struct Proxy {
    /// Envoy.
    pub front: FrontProxy,
    /// The companion.
    pub companion: Companion,
    /// The service.
    pub origin: Origin,
    client: Client,
    setup: Setup,
}

impl Proxy {
    pub(crate) fn new(setup: Setup, front: FrontProxy, companion: Companion, origin: Origin) -> Proxy {
        Proxy { front, companion, origin, client: Client::new(), setup }
    }

    /// The address of a path at Envoy.
    pub fn url(&self, path: &str) -> String {
        self.front.url(path)
    }

    /// Asks for a path without any headers. All requests of a proxy take one connection, and so one worker.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn get(&self, path: &str) -> Response {
        self.get_with(path, &[])
    }

    /// Asks for a path with these headers.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send("GET", path, headers)
    }

    /// Asks another Envoy for a path as this one would be asked: the authority is part of the cache's key.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn get_at(&self, front: &FrontProxy, path: &str) -> Response {
        self.ask(Request::get(front.url(path)).header("host", self.authority()))
    }

    /// The authority that requests of this proxy name.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.front.port())
    }

    /// Sends a request without a body.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = Request::new(method, self.url(path));
        self.ask(headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    /// Posts a JSON body.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn post(&self, path: &str) -> Response {
        self.ask(Request::post_json(self.url(path), &serde_json::json!({"title": "new"})))
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn ask(&self, request: Request) -> Response {
        self.client.send(request).unwrap_or_else(|error| panic!("{error:#}\n{}", self.front.envoy.log()))
    }

    /// The metrics that Envoy shows now.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.front)
    }

    /// Waits until the sum of a metric's samples with these labels is `expected`.
    ///
    /// # Panics
    /// If it is another number.
    pub fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let mut sum = 0.0;
        let settled = testbed::wait_until(PATIENCE, || {
            sum = self.metrics().sum(name, labels);
            sum == expected
        });
        assert!(settled, "{name} {labels:?} is {sum}, expected {expected}\n{}", self.metrics().text(name));
    }

    /// Waits until all workers of this many Envoys follow the companion's log and have an answer to their first poll.
    pub fn wait_for_followers(&self, envoys: u32) {
        // Each Envoy's main thread has a VM too.
        let expected = u64::from(envoys * (self.setup.worker_count() + 1));
        wait_for(&format!("{expected} VMs to follow the log"), || {
            let stats =
                Client::new().send(self.setup.to_companion(Request::get(self.companion.url("/v1/stats"))));
            stats.is_ok_and(|stats| stats.json()["followers"].as_u64() == Some(expected))
        });
        self.invalidate(&serde_json::json!({"tags": ["nobody-has-this-tag"]}));
    }

    /// Invalidates by the companion's interface, and waits until every worker knows.
    ///
    /// # Panics
    /// If not.
    pub fn invalidate(&self, what: &serde_json::Value) -> serde_json::Value {
        let url = self.companion.url("/v1/invalidations");
        let request = self.setup.to_companion(Request::post_json(url, what));
        let answer = Client::new().send(request).expect("an answer of the companion");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Stops the companion at once, as a crash would.
    pub fn kill_companion(&mut self) {
        self.companion.process().kill();
    }

    /// Starts a companion where the last one was.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_companion(&mut self) {
        self.companion = self.setup.companion(Some(self.companion.port())).expect("a companion");
    }

    /// Starts another Envoy in front of the same origin and companion.
    ///
    /// # Panics
    /// If it does not start.
    pub fn another_envoy(&self) -> FrontProxy {
        self.setup.front(self.origin.port(), self.companion.port()).expect("another Envoy")
    }

    /// Whether no filter has died so far; if one has, what the log says.
    pub fn is_healthy(&self) -> Result<(), String> {
        let log = self.front.envoy.log();
        match log.lines().find(|line| SIGNS_OF_DEATH.iter().any(|sign| line.contains(sign))) {
            None => Ok(()),
            Some(line) => Err(format!("a filter died: {line}\n{log}")),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.is_healthy().expect("a log without signs of death");
        }
    }
}
