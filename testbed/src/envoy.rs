//! Envoy on a configuration of the test's own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{Launch, Process, Request, Tool, http, ports, temp_dir, wait_until, workspace_root};

/// Where Envoy writes the address of its admin interface.
const ADDRESS_FILE: &str = "admin-address";

/// How to run Envoy.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// Worker threads; each has its own VM and its own first level of the cache. 1 unless set.
    pub concurrency: u32,
    /// The level of Envoy's log, `info` unless set. Component levels are left alone.
    pub log_level: String,
    /// Processors to pin it to, in the notation of `taskset -c`.
    pub cpus: Option<String>,
    /// Environment variables on top of the caller's own.
    pub env: Vec<(String, String)>,
    /// Which Envoy; [`Tool::Envoy`] unless set.
    pub tool: Tool,
    /// Whether a new process may take the place of the old one: see [`Envoy::hot_restart`].
    pub hot_restart: bool,
}

impl Default for EnvoyOptions {
    fn default() -> EnvoyOptions {
        EnvoyOptions {
            concurrency: 1,
            log_level: "info".to_owned(),
            cpus: None,
            env: Vec::new(),
            tool: Tool::Envoy,
            hot_restart: false,
        }
    }
}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin_port: u16,
    options: EnvoyOptions,
    generation: Generation,
    // Fields drop in order: Envoy stops before its files go.
    dir: TempDir,
}

impl Envoy {
    /// Starts Envoy on this bootstrap and waits until it is ready to serve. The bootstrap must have an `admin`
    /// section; its port is read back from Envoy, so it may be 0, and so may those of the listeners.
    pub fn start(yaml: &str, options: &EnvoyOptions) -> Result<Envoy> {
        let dir = temp_dir("envoy")?;
        fs::write(dir.path().join("envoy.yaml"), yaml).context("cannot write Envoy's configuration")?;
        let generation = Generation { base_id: options.hot_restart.then(ports::free), epoch: 0 };
        let process = launch(dir.path(), options, generation)?;
        let admin_port = read_port(&dir.path().join(ADDRESS_FILE)).context("Envoy wrote no admin address")?;
        Ok(Envoy { process, admin_port, options: options.clone(), generation, dir })
    }

    /// Starts it again after it ended, on the same bootstrap. The admin port stays the same if the bootstrap names it.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = launch(self.dir.path(), &self.options, self.generation)?;
        Ok(())
    }

    /// Starts a new process that takes over the listeners, and returns once the old one has ended: it drains for 2 s.
    pub fn hot_restart(&mut self) -> Result<()> {
        ensure!(self.options.hot_restart, "this Envoy was started without `hot_restart`");
        let next = Generation { epoch: self.generation.epoch + 1, ..self.generation };
        let process = launch(self.dir.path(), &self.options, next)?;
        let mut old = std::mem::replace(&mut self.process, process);
        self.generation = next;
        let ended = wait_until(Duration::from_secs(60), || !matches!(old.exit_status(), Ok(None)));
        ensure!(ended, "the old process did not end within a minute");
        Ok(())
    }

    /// The admin interface's port.
    pub fn admin_port(&self) -> u16 {
        self.admin_port
    }

    /// The port of the listener with this name.
    pub fn listener_port(&self, listener: &str) -> Result<u16> {
        let listeners = self.admin("GET", "/listeners?format=json")?;
        let listeners: serde_json::Value = serde_json::from_str(&listeners)?;
        let statuses = listeners["listener_statuses"].as_array().context("Envoy lists no listeners")?;
        let found = statuses.iter().find(|status| status["name"] == listener);
        let found = found.with_context(|| format!("Envoy has no listener {listener:?}: {statuses:?}"))?;
        let port = found["local_address"]["socket_address"]["port_value"].as_u64();
        port.and_then(|port| port.try_into().ok()).with_context(|| format!("{listener:?} has no TCP port"))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The folder it runs in; relative paths in the bootstrap start here.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// What the admin interface answers; an error if not with 200.
    pub fn admin(&self, method: &str, path_and_query: &str) -> Result<String> {
        let url = admin_url(self.admin_port, path_and_query);
        let mut request = Request::new(method, &url);
        if method == "POST" {
            request = request.body("");
        }
        let response = http::Client::new().send(request)?;
        ensure!(response.status == 200, "{method} {url}: {} {}", response.status, response.text());
        Ok(response.text())
    }

    /// The metrics in Prometheus' text format.
    pub fn stats_prometheus(&self) -> Result<String> {
        self.admin("GET", "/stats/prometheus")
    }
}

/// Which of the processes that follow each other.
#[derive(Debug, Clone, Copy)]
struct Generation {
    /// What they find each other by, if they do.
    base_id: Option<u16>,
    epoch: u32,
}

impl Generation {
    fn args(self) -> Vec<String> {
        let Some(base_id) = self.base_id else { return vec!["--disable-hot-restart".to_owned()] };
        let (base_id, epoch) = (base_id.to_string(), self.epoch.to_string());
        let args = ["--base-id", &base_id, "--restart-epoch", &epoch];
        let times = ["--drain-time-s", "2", "--parent-shutdown-time-s", "3"];
        args.into_iter().chain(times).map(str::to_owned).collect()
    }

    /// Whether this is the one that serves: before, its predecessor answers at the same address.
    fn serves(self, port: u16) -> bool {
        let client = http::Client::with_timeout(Duration::from_secs(1));
        let epoch = || {
            let answer = client.send(Request::get(admin_url(port, "/server_info"))).ok()?;
            let info: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
            info["command_line_options"]["restart_epoch"].as_u64()
        };
        self.epoch == 0 || epoch() == Some(self.epoch.into())
    }
}

/// Starts Envoy in a folder with its bootstrap.
fn launch(dir: &Path, options: &EnvoyOptions, generation: Generation) -> Result<Process> {
    let address_file = dir.join(ADDRESS_FILE);
    let variables = options.env.iter();
    let launch = Launch::new("envoy", options.tool.path()?, dir);
    variables
        .fold(launch, |launch, (name, value)| launch.env(name, value))
        .args(["-c", "envoy.yaml", "--admin-address-path", ADDRESS_FILE])
        .args(generation.args())
        .args(["--concurrency", &options.concurrency.to_string(), "-l", &options.log_level])
        .cpus(options.cpus.clone())
        // A second on an idle machine; V8 compiles the filters, and others may be compiling too.
        .timeout(Duration::from_secs(120))
        .start(|| {
            let is_ready = |port| http::is_ok(&admin_url(port, "/ready")) && generation.serves(port);
            read_port(&address_file).is_some_and(is_ready)
        })
}

fn admin_url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

/// Envoy writes the address once it is bound, as `127.0.0.1:9901`.
fn read_port(address_file: &Path) -> Option<u16> {
    fs::read_to_string(address_file).ok()?.trim().rsplit_once(':')?.1.parse().ok()
}

/// Has Envoy check a bootstrap without serving it; relative paths start at the workspace's root. The error is what
/// Envoy says about it.
pub fn validate(yaml: &str) -> Result<()> {
    let dir = temp_dir("validate")?;
    let file = dir.path().join("envoy.yaml");
    fs::write(&file, yaml)?;
    let output = Command::new(Tool::Envoy.path()?)
        .args(["--mode", "validate", "--disable-hot-restart", "-l", "warning", "-c"])
        .arg(&file)
        .current_dir(workspace_root())
        .output()
        .context("cannot run Envoy")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim());
    }
    Ok(())
}

/// Replaces every occurrence of each literal piece of a template, in one pass: what was put in is not searched
/// again. An error if a piece does not occur, for then the template has changed under the test.
pub fn render(template: &str, pieces: &[(&str, &str)]) -> Result<String> {
    for (piece, _) in pieces {
        ensure!(!piece.is_empty() && template.contains(piece), "the template has no {piece:?}");
    }
    let mut rendered = String::with_capacity(template.len());
    let mut rest = template;
    loop {
        let places = pieces.iter().filter_map(|(piece, new)| Some((rest.find(piece)?, *piece, *new)));
        // The longest of those that begin at the same place: 100 must not win over 1000.
        let next = places.min_by_key(|(at, piece, _)| (*at, usize::MAX - piece.len()));
        let Some((at, piece, new)) = next else { break };
        rendered.push_str(&rest[..at]);
        rendered.push_str(new);
        rest = &rest[at + piece.len()..];
    }
    rendered.push_str(rest);
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    const DIRECT: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: main
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]}
"#;

    #[test]
    fn serves_what_it_was_told_to() {
        let envoy = Envoy::start(DIRECT, &EnvoyOptions::default()).unwrap();
        let port = envoy.listener_port("main").unwrap();
        assert_eq!(Client::new().get(format!("http://127.0.0.1:{port}/")).text(), "hello");
        assert!(envoy.stats_prometheus().unwrap().contains("envoy_server_live"));
        assert!(envoy.listener_port("other").unwrap_err().to_string().contains("no listener \"other\""));
    }

    #[test]
    fn a_bad_bootstrap_is_an_error_in_envoys_words() {
        validate(DIRECT).unwrap();
        let bad = DIRECT.replace("stat_prefix", "stat_prefiks");
        assert!(validate(&bad).unwrap_err().to_string().contains("stat_prefiks"));
        let error = Envoy::start(&bad, &EnvoyOptions::default()).unwrap_err().to_string();
        assert!(error.contains("stat_prefiks"), "{error}");
    }

    #[test]
    fn rendering_replaces_all_in_one_pass_and_insists_on_every_piece() {
        let pieces = [("port: 1", "port: 2"), ("port: 2", "port: 3"), ("port: 10", "port: 4")];
        assert_eq!(
            render("port: 1, port: 2, port: 1; port: 10", &pieces).unwrap(),
            "port: 2, port: 3, port: 2; port: 4"
        );
        let error = render("port: 1", &[("port: 7", "x")]).unwrap_err().to_string();
        assert_eq!(error, "the template has no \"port: 7\"");
    }
}
