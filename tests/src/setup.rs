//! How a test wants the shipped configuration to be: edited, with more routes, with more workers.

use anyhow::{Context, Result};
use testbed::{
    Answer, Companion, CompanionOptions, EnvoyOptions, FrontProxy, FrontProxyPorts, Origin, Question, Redis,
    Request, Tool,
};

use crate::Proxy;

/// The line before which a test's own routes are put.
const FIRST_ROUTE: &str = "                        - name: items-write\n";

/// Where the compression filter begins, and what comes after it.
const COMPRESSION: (&str, &str) =
    ("- name: slipstream.compression\n", "- name: envoy.filters.http.upstream_codec\n");

/// The shipped `envoy/front-proxy.yaml` with a test's changes.
#[derive(Clone, Debug)]
pub struct Setup {
    compression: bool,
    workers: u32,
    lookup_timeout_ms: u32,
    routes: String,
    edits: Vec<(String, String)>,
    companion: CompanionOptions,
    token: String,
    envoy: Tool,
    log_level: String,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

impl Setup {
    /// As shipped, with one worker, but for the time a lookup may take: on a busy machine the shipped one would make
    /// misses of hits. Tests of that time set it.
    pub fn new() -> Setup {
        Setup {
            compression: true,
            workers: 1,
            lookup_timeout_ms: 5_000,
            routes: String::new(),
            edits: Vec::new(),
            companion: CompanionOptions::default(),
            token: String::new(),
            envoy: Tool::Envoy,
            log_level: EnvoyOptions::default().log_level,
        }
    }

    /// Without the compression filter, for tests whose clients ask for no coding: V8 takes longer to compile it than all
    /// other filters together.
    pub fn uncompressed() -> Setup {
        Setup { compression: false, ..Setup::new() }
    }

    /// Worker threads of Envoy.
    pub fn workers(mut self, workers: u32) -> Setup {
        self.workers = workers;
        self
    }

    /// Which Envoy.
    pub fn envoy(mut self, tool: Tool) -> Setup {
        self.envoy = tool;
        self
    }

    /// The level of Envoy's log, and so of the filters'.
    pub fn log_level(mut self, level: &str) -> Setup {
        self.log_level = level.to_owned();
        self
    }

    /// Milliseconds that a lookup may take.
    pub fn lookup_timeout_ms(mut self, milliseconds: u32) -> Setup {
        self.lookup_timeout_ms = milliseconds;
        self
    }

    /// Adds a route before the shipped ones; see [`route`].
    pub fn route(mut self, yaml: impl AsRef<str>) -> Setup {
        self.routes.push_str(&format!("                        - {}\n", yaml.as_ref()));
        self
    }

    /// Replaces every occurrence of a piece of the file, which must be there.
    pub fn edit(mut self, old: &str, new: impl Into<String>) -> Setup {
        self.edits.push((old.to_owned(), new.into()));
        self
    }

    /// Gives the companion this Redis.
    pub fn redis(self, redis: &Redis) -> Setup {
        self.companion_env("REDIS_HOST", "127.0.0.1").companion_env("REDIS_PORT", &redis.port().to_string())
    }

    /// Sets a variable of the companion's environment.
    pub fn companion_env(mut self, name: &str, value: &str) -> Setup {
        self.companion.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the companion a token, which the test's own requests carry.
    pub fn companion_token(mut self, token: &str) -> Setup {
        self.token = token.to_owned();
        self.companion_env("SLIPSTREAM_TOKEN", token)
    }

    /// Starts a companion alone; on this port, if one is given.
    pub fn companion(&self, port: Option<u16>) -> Result<Companion> {
        Companion::start(&CompanionOptions { port, ..self.companion.clone() })
    }

    /// Starts an Envoy alone, in front of these ports.
    pub fn front(&self, workspace: u16, companion: u16) -> Result<FrontProxy> {
        let timeout = format!("lookup_timeout_ms: {}", self.lookup_timeout_ms);
        let routes = format!("{}{FIRST_ROUTE}", self.routes);
        let left_out = if self.compression { None } else { Some(compression()?) };
        let left_out = left_out.iter().map(|filter| (filter.as_str(), ""));
        let own = [("lookup_timeout_ms: 100", timeout.as_str()), (FIRST_ROUTE, routes.as_str())];
        let own = own.into_iter().chain(left_out);
        let edits = self.edits.iter().map(|(old, new)| (old.as_str(), new.as_str()));
        // Of two edits of the same piece the first counts: a test's own.
        let edits: Vec<_> = edits.chain(own).collect();
        let options = EnvoyOptions {
            concurrency: self.workers,
            tool: self.envoy,
            log_level: self.log_level.clone(),
            ..EnvoyOptions::default()
        };
        FrontProxy::start_edited(workspace, companion, &options, &edits)
    }

    /// Starts origin, companion and Envoy, and waits until every worker follows the companion's log.
    ///
    /// # Panics
    /// If one of them does not start.
    pub fn start(self, script: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> Proxy {
        let origin = Origin::start(script).expect("an origin");
        let companion = self.companion(None).expect("a companion");
        let front = self.front(origin.port(), companion.port()).expect("Envoy");
        let proxy = Proxy::new(self, front, companion, origin);
        proxy.wait_for_followers(1);
        proxy
    }

    /// A request to the companion.
    pub(crate) fn to_companion(&self, request: Request) -> Request {
        if self.token.is_empty() {
            return request;
        }
        request.header("authorization", format!("Bearer {}", self.token))
    }

    pub(crate) fn worker_count(&self) -> u32 {
        self.workers
    }
}

/// What the rendered file says of the compression filter.
fn compression() -> Result<String> {
    let ports = FrontProxyPorts { listener: 1, admin: 1, workspace: 1, companion: 1 };
    let yaml = FrontProxy::yaml(ports)?;
    let (_, filter) = yaml.split_once(COMPRESSION.0).context("no compression filter in the shipped file")?;
    let (filter, _) = filter.split_once(COMPRESSION.1).context("no end of the compression filter")?;
    Ok(format!("{}{filter}", COMPRESSION.0))
}

/// A route to the cluster `workspace`, with the cache's settings. All three are YAML in flow style: a name, what stands
/// in `match`, and what stands under `slipstream.response-cache`.
pub fn route(name: &str, matches: &str, cache: &str) -> String {
    format!(
        "{{ name: {name}, match: {matches}, route: {{ cluster: workspace, timeout: 30s }}, \
         metadata: {{ filter_metadata: {{ slipstream.response-cache: {cache} }} }} }}"
    )
}
