//! `docker compose up` for real, on an engine and with images of the tests' own: `cargo xtask test compose` runs this.
//!
//! Grafana is left out, for there is no stand-in for its image; and PostgreSQL has no TimescaleDB.
#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not their helpers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::wait_for;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::containers::{Engine, output};
use testbed::{Client, Request, ports, query_prometheus, temp_dir, workspace_root};

const LEFT_OUT: [&str; 1] = ["grafana"];

/// A copy of what the compose file needs, with secrets and ports of its own.
struct Project<'a> {
    engine: &'a Engine,
    dir: TempDir,
    prometheus: u16,
    redis_ui: u16,
    requests: Requests,
}

/// Asks the front proxy.
struct Requests {
    port: u16,
    client: Client,
}

impl Requests {
    fn get(&self, path: &str) -> testbed::Response {
        let answer = self.client.send(Request::get(format!("http://127.0.0.1:{}{path}", self.port)));
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }

    fn create_item(&self, title: &str) -> Value {
        let item = json!({ "title": title, "category": "data" });
        let url = format!("http://127.0.0.1:{}/api/items", self.port);
        let made = self.client.send(Request::post_json(url, &item)).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    /// Asks the documentation.
    fn ask(&self, question: &str) -> Value {
        let url = format!("http://127.0.0.1:{}/query", self.port);
        let question = json!({ "question": question });
        let answer = self.client.send(Request::post_json(url, &question)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

impl<'a> Project<'a> {
    fn new(engine: &'a Engine) -> Project<'a> {
        let dir = temp_dir("project").unwrap();
        for folder in ["compose", "k6"] {
            copy(&workspace_root().join(folder), &dir.path().join(folder));
        }
        let [port, prometheus, redis_ui] = [ports::free(), ports::free(), ports::free()];
        let requests = Requests { port, client: Client::new() };
        let project = Project { engine, dir, prometheus, redis_ui, requests };
        output(Command::new("sh").arg(project.path("compose/init.sh"))).unwrap();
        let mut variables = fs::read_to_string(project.path("compose/.env")).unwrap();
        variables.push_str(&format!(
            "SLIPSTREAM_PORT={port}\nPROMETHEUS_PORT={prometheus}\nREDIS_UI_PORT={redis_ui}\nDEMO_ITEMS=5000\nDEMO_SIGNALS=5000\nSIGNALS_PER_SECOND=2\n"
        ));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        variables.push_str(&format!("ENVOY_CPUS={}.0\n", processors.min(2)));
        fs::write(project.path("compose/.env"), variables).unwrap();
        project
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// `docker compose` with these arguments; further files of variables go before.
    fn compose(&self, more_variables: &[&str], arguments: &[&str]) -> anyhow::Result<String> {
        let mut compose = self.engine.compose()?;
        compose
            .arg("--file")
            .arg(self.path("compose/compose.yaml"))
            .arg("--env-file")
            .arg(self.path("compose/.env"));
        for file in more_variables {
            compose.arg("--env-file").arg(self.path(file));
        }
        output(compose.args(["--progress", "quiet"]).args(arguments))
    }

    /// Brings up all that can be here, and waits until it is healthy.
    fn up(&self, more_variables: &[&str]) {
        let services = self.compose(more_variables, &["config", "--services"]).unwrap();
        let services = services.lines().filter(|name| !LEFT_OUT.contains(name));
        let arguments: Vec<&str> = ["up", "--detach", "--wait", "--wait-timeout", "900", "--no-build"]
            .into_iter()
            .chain(services)
            .collect();
        if let Err(error) = self.compose(more_variables, &arguments) {
            let logs = self.compose(more_variables, &["logs", "--tail", "15"]).unwrap_or_default();
            panic!(
                "{error:#}\n{logs}\n{}",
                self.compose(more_variables, &["ps", "--all"]).unwrap_or_default()
            );
        }
    }

    fn get(&self, path: &str) -> testbed::Response {
        self.requests.get(path)
    }

    fn x_cache(&self, path: &str) -> String {
        self.get(path).header("x-cache").unwrap_or_default()
    }

    /// What a query of Prometheus comes to, summed up.
    fn sum(&self, query: &str) -> f64 {
        let series = query_prometheus(self.prometheus, &format!("sum({query})")).unwrap();
        series.first().and_then(|series| series.values.last()).copied().unwrap_or(0.0)
    }

    fn psql(&self, sql: &str) {
        let arguments =
            ["exec", "-T", "timescaledb", "psql", "-q", "-U", "postgres", "-d", "APPS-WORKSPACE", "-c", sql];
        self.compose(&[], &arguments).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.unwrap(), to.to_owned());
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            // The developer's own secrets and reports stay where they are.
            false if entry.file_name() == ".env" => {}
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
#[ignore = "starts a container engine: cargo xtask test compose"]
fn compose_brings_everything_up() {
    let start = Instant::now();
    let mut told = start;
    let mut say = |what: &str| {
        eprintln!("compose: {what} ({:.1} s after the step before)", told.elapsed().as_secs_f64());
        told = Instant::now();
    };
    let engine = match Engine::start() {
        Ok(engine) => engine,
        Err(error) => {
            // What the file says was tested by `compose_file` all the same.
            eprintln!(
                "compose: NOT STARTED, the file is only validated: no container engine can run here: {error:#}"
            );
            return;
        }
    };
    engine.make_images(&mut say).unwrap();
    say("images are built");
    let project = Project::new(&engine);

    let up = Instant::now();
    project.up(&[]);
    wait_for("a cached answer", || project.x_cache("/api/items") == "HIT");
    eprintln!(
        "compose: from `up --wait` to the first cached answer: {:.1} s (60 are the aim)",
        up.elapsed().as_secs_f64()
    );
    say("everything is up");

    project.compose(&[], &["up", "--detach", "--wait", "--no-build", "redis-ui"]).unwrap();
    containers_are_hardened(&project);
    apis_and_invalidations_work(&project);
    say("purges, writes and changed rows reach the cache");
    everything_is_watched(&project);
    say("the launcher and Prometheus see everything");
    redis_is_shown_in_the_browser(&project);
    say("the Redis web interface shows what both roles hold, to whom knows the password");
    rolling_restart(&project);
    say("companions and Redis were restarted");
    load_test(&project);
    say("the load test's smoke profile has passed");

    project.up(&["compose/cluster.env"]);
    let running = project.compose(&["compose/cluster.env"], &["ps", "--services"]).unwrap();
    assert!(
        running.lines().any(|name| name == "redis-node-3")
            && !running.lines().any(|name| name == "redis-cache"),
        "{running}"
    );
    wait_for("a cached answer", || project.x_cache("/api/items?page=4") == "HIT");
    let keys = ["redis-node-1", "redis-node-2", "redis-node-3"].map(|node| {
        let script = "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli dbsize";
        let said =
            project.compose(&["compose/cluster.env"], &["exec", "-T", node, "sh", "-c", script]).unwrap();
        said.trim().parse::<u32>().unwrap()
    });
    assert!(keys.iter().sum::<u32>() > 0, "{keys:?}");
    say("a Redis Cluster has taken the place of the one Redis");

    project
        .compose(&["compose/cluster.env"], &["--profile", "*", "down", "--volumes", "--remove-orphans"])
        .unwrap();
    assert_eq!(engine.leftovers().unwrap(), "");
    say("nothing is left behind");
    eprintln!("compose: {:.0} s in all", start.elapsed().as_secs_f64());
}

fn containers_are_hardened(project: &Project<'_>) {
    let ids = output(project.engine.client().args(["ps", "--quiet"])).unwrap();
    let inspected = output(project.engine.client().arg("inspect").args(ids.split_whitespace())).unwrap();
    let containers: Value = serde_json::from_str(&inspected).unwrap();
    let containers = containers.as_array().unwrap();
    assert!(containers.len() >= 15, "{}", containers.len());
    for container in containers {
        let (name, host) = (&container["Name"], &container["HostConfig"]);
        assert_eq!(host["ReadonlyRootfs"], true, "{name}");
        assert_eq!(host["CapDrop"], json!(["ALL"]), "{name}");
        assert!(host["Memory"].as_u64() > Some(0) && host["PidsLimit"].as_u64() > Some(0), "{name}");
        assert_ne!(container["Config"]["User"], "", "{name} runs as root");
        assert_eq!(container["RestartCount"], 0, "{name} has died and come back");
    }
}

fn apis_and_invalidations_work(project: &Project<'_>) {
    // A hit of either worker's own memory, or of the companion.
    let warm = |path: &str| wait_for("a hit", || project.x_cache(path) == "HIT");
    warm("/api/items");
    project.compose(&[], &["exec", "-T", "companion", "slipstream", "purge", "--tag", "items"]).unwrap();
    assert_eq!(project.x_cache("/api/items"), "MISS", "after a purge");

    warm("/api/items");
    let made = project.requests.create_item("written through the front proxy");
    let list = project.get("/api/items");
    assert_eq!(list.json()["items"][0]["id"], made["id"], "{:?}", list.header("cache-status"));

    warm("/api/items/7");
    warm("/api/items");
    project.psql(
        "UPDATE workspace.workspace_items SET title = 'changed by psql', created_at = now() WHERE id = 8",
    );
    wait_for("the changed row", || {
        project.get("/api/items").json()["items"][0]["title"] == "changed by psql"
    });

    let ask = || project.requests.ask("How do I purge what is tagged?");
    assert_eq!(ask()["found"], true);
    wait_for("a kept answer", || ask()["cached"] == true);

    // The generator writes past the front proxy.
    let newest = || project.get("/api/signals").json()["signals"][0]["id"].as_i64();
    let before = newest();
    wait_for("a generated signal", || newest() > before);
}

fn everything_is_watched(project: &Project<'_>) {
    wait_for("all services to be up", || project.get("/api/services").json()["status"] == "ok");
    wait_for("all to be scraped", || {
        project.sum("up{job=\"slipstream-envoy\"}") == 3.0
            && project.sum("up{job=\"slipstream-companion\"}") == 3.0
    });
    for metric in [
        "opt004_cache_hits_total",
        "http_requests_total",
        "slipstream_invalidations_total",
        "slipstream_pgbouncer_up",
    ] {
        wait_for(metric, || project.sum(metric) > 0.0);
    }
}

fn redis_is_shown_in_the_browser(project: &Project<'_>) {
    let variables = fs::read_to_string(project.path("compose/.env")).unwrap();
    let password = variables.lines().find_map(|line| line.strip_prefix("REDIS_UI_PASSWORD=")).unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", project.redis_ui);
    let client = Client::new();
    assert_eq!(client.get(url("/connections")).status, 401);
    let sign_in = |password: &str| {
        let user = json!({ "username": "slipstream", "password": password });
        client.send(Request::post_json(url("/signin"), &user)).unwrap().json()
    };
    assert_eq!(sign_in("a guess")["ok"], false);
    let session = sign_in(password);
    let token = format!("Bearer {}", session["bearerToken"].as_str().unwrap());
    let keys = |connection: &str| {
        let tree = Request::get(url(&format!("/apiv2/keystree/R:{connection}")));
        let tree = client.send(tree.header("authorization", &token)).unwrap();
        tree.json()["data"].as_array().map_or(0, Vec::len)
    };
    for connection in ["redis-cache:6379:0", "redis-state:6379:2"] {
        wait_for(connection, || keys(connection) > 0);
    }
}

/// Restarts each companion and then both roles of Redis while requests keep coming: none of them fails.
fn rolling_restart(project: &Project<'_>) {
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let (stop, answers) = (&stop, &answers);
                scope.spawn(move || {
                    let other = Requests { client: Client::new(), port: project.requests.port };
                    while !stop.load(Ordering::Relaxed) {
                        other.get("/api/items");
                        other.get("/api/signals/latest");
                        other.create_item(&format!("restart {worker}"));
                        assert_eq!(other.ask("How do I purge what is tagged?")["found"], true);
                        answers.fetch_add(4, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let progress = || {
            let before = answers.load(Ordering::Relaxed);
            testbed::wait_until(Duration::from_secs(60), || {
                answers.load(Ordering::Relaxed) >= before + 40
                    || workers.iter().any(|worker| worker.is_finished())
            });
        };
        progress();
        let companions = project.compose(&[], &["ps", "--quiet", "companion"]).unwrap();
        for id in companions.split_whitespace() {
            output(project.engine.client().args(["restart", id])).unwrap();
            wait_for("the companion", || {
                output(project.engine.client().args(["inspect", "--format", "{{.State.Health.Status}}", id]))
                    .is_ok_and(|health| health.trim() == "healthy")
            });
            progress();
        }
        for redis in ["redis-cache", "redis-state"] {
            project.compose(&[], &["restart", redis]).unwrap();
            progress();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let answers = answers.into_inner();
    // As many after each restart as `progress` waits for.
    assert!(answers >= 200, "requests did not get on: {answers}");
    eprintln!("compose: {answers} requests during the restarts, none failed");
}

fn load_test(project: &Project<'_>) {
    let arguments = ["--profile", "load", "run", "--rm", "--no-deps", "-T", "-e", "PROFILE=smoke", "k6"];
    let said = project.compose(&[], &arguments).unwrap();
    assert!(said.contains("workspace: passed"), "{said}");
    assert!(project.path("compose/reports/workspace.html").is_file());
}
