//! What Envoy tells Prometheus while a filter dies and is begun anew, and while its configuration changes: every scrape can
//! be read, is bounded, and takes back nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use e2e::{Connection, Metrics, Setup, wait_for};
use testbed::{
    Answer, Client, Companion, CompanionOptions, Envoy, EnvoyOptions, FrontProxy, FrontProxyPorts, Origin,
    Question, Request, Tool, artifacts, ports, render, temp_dir,
};
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

/// Label sets that requests may have, and how many more the traffic of these tests would have.
const CAP: usize = 8;

const REQUESTS: &str = "http_requests_total";
const IN_FLIGHT: &str = "slipstream_http_requests_in_flight";

/// Answers with the status that the path ends with; late if the path says so.
fn service(question: &Question) -> Answer {
    let path = question.path();
    if path.starts_with("/late") {
        return Answer::json("{}").delay(Duration::from_secs(300));
    }
    Answer::new(path.rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(200), "x")
}

/// Sends a request over a connection of its own; its status, if there was an answer.
fn ask(url: String) -> Option<u16> {
    Client::new().send(Request::get(url)).ok().map(|answer| answer.status)
}

/// Scrapes an Envoy again and again.
struct Scraper {
    is_over: Arc<AtomicBool>,
    scrapes: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<()>,
}

impl Scraper {
    fn start(admin: u16) -> Scraper {
        let (is_over, scrapes) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (ends, taken) = (Arc::clone(&is_over), Arc::clone(&scrapes));
        let thread = std::thread::spawn(move || {
            let client = Client::new();
            while !ends.load(Ordering::SeqCst) {
                let url = format!("http://127.0.0.1:{admin}/stats/prometheus");
                let answer = client.send(Request::get(url)).unwrap();
                assert_eq!(answer.status, 200);
                taken.lock().unwrap().push(String::from_utf8(answer.body).unwrap());
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Scraper { is_over, scrapes, thread }
    }

    /// Looks at all that were taken.
    fn check(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        let scrapes = self.scrapes.lock().unwrap();
        assert!(scrapes.len() > 20, "{} scrapes", scrapes.len());
        let mut before = BTreeMap::new();
        for scrape in scrapes.iter() {
            let series = series(scrape);
            let sets = series.keys().filter(|name| name.starts_with(REQUESTS)).count();
            assert!(sets <= CAP + 1, "{sets} label sets:\n{scrape}");
            for (name, value) in series.iter().filter(|(name, _)| counts(name)) {
                let last: &f64 = before.get(name).unwrap_or(&0.0);
                assert!(value >= last, "{name} fell from {last} to {value}");
            }
            before = series;
        }
        // Prometheus' own reader is dear to start: the first, the last and some between.
        for scrape in scrapes.iter().step_by(scrapes.len() / 10).chain(scrapes.last()) {
            assert_readable(scrape);
        }
    }
}

/// Whether this is one of the filters' counters.
fn counts(series: &str) -> bool {
    let name = series.split('{').next().unwrap_or_default();
    let is_ours = ["http_", "slipstream_", "opt0"].iter().any(|start| name.starts_with(start));
    is_ours && name != IN_FLIGHT && !name.starts_with("slipstream_cache_l1_")
}

/// The series of a scrape with their values. Every line must be whole, and no series there twice.
fn series(scrape: &str) -> BTreeMap<String, f64> {
    assert!(scrape.ends_with('\n'), "cut off: {scrape}");
    let mut series = BTreeMap::new();
    for line in scrape.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line:?}"));
        assert!(!name.contains("=."), "labels that are still part of a name: {line:?}");
        assert!(series.insert(name.to_owned(), value).is_none(), "twice: {line:?}");
    }
    series
}

/// Has promtool read a scrape. It also has opinions about names, which are Envoy's here.
fn assert_readable(scrape: &str) {
    const OPINIONS: i32 = 3;
    let mut promtool = Command::new(Tool::Promtool.path().unwrap())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = promtool.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(scrape.as_bytes()).unwrap());
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | OPINIONS)), "{said}\n{scrape}");
    });
}

/// More label sets than there may be, over connections of their own, so that all workers have some.
fn many_label_sets(front: &FrontProxy) {
    for status in (200..204).chain(400..412) {
        for method in ["GET", "DELETE"] {
            let request = Request::new(method, front.url(&format!("/{status}")));
            let _ = Client::new().send(request);
        }
    }
}

/// A filter that was built, but for the callback: there it dies. The place of its first instruction is taken by one that
/// traps.
fn dying(filter: &str, callback: &str, folder: &Path) -> PathBuf {
    let mut wasm = fs::read(artifacts::filter(filter).unwrap()).unwrap();
    let (mut imported, mut exported, mut bodies) = (0, None, Vec::new());
    for payload in Parser::new(0).parse_all(&wasm) {
        match payload.unwrap() {
            Payload::ImportSection(imports) => {
                let functions = imports.into_imports().filter(|import| {
                    matches!(import.as_ref().unwrap().ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
                });
                imported = functions.count();
            }
            Payload::ExportSection(exports) => {
                let mut exports = exports.into_iter().map(Result::unwrap);
                let found = exports.find(|e| e.name == callback && e.kind == ExternalKind::Func);
                exported = found.map(|export| export.index as usize);
            }
            Payload::CodeSectionEntry(body) => {
                let mut instructions = body.get_operators_reader().unwrap();
                let start = instructions.original_position();
                let first = instructions.read().unwrap();
                let pushes = matches!(first, Operator::LocalGet { .. } | Operator::GlobalGet { .. });
                bodies.push((start..instructions.original_position(), pushes));
            }
            _ => {}
        }
    }
    let (first, pushes) = bodies[exported.expect("the callback") - imported].clone();
    assert!(pushes, "an instruction that only pushes a number, so that all is valid without it");
    const UNREACHABLE: u8 = 0x00;
    const NOP: u8 = 0x01;
    wasm[first.clone()].fill(NOP);
    wasm[first.start] = UNREACHABLE;
    let path = folder.join(format!("{filter}.wasm"));
    fs::write(&path, wasm).unwrap();
    path
}

#[test]
fn a_filter_that_dies_leaves_scrapes_whole_and_takes_what_it_had_under_way_with_it() {
    let folder = temp_dir("dying").unwrap();
    let filter = dying("request-metrics", "proxy_on_request_body", folder.path());
    let origin = Origin::start(service).unwrap();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let built = artifacts::filter("request-metrics").unwrap();
    let front = Setup::uncompressed()
        .edit(&built.display().to_string(), filter.display().to_string())
        .edit("max_label_sets: 200", format!("max_label_sets: {CAP}"))
        .front(origin.port(), companion.port())
        .unwrap();
    let scraper = Scraper::start(front.envoy.admin_port());
    let shows = |metric: &str| Metrics::of(&front).sum(metric, &[]);

    many_label_sets(&front);
    for death in 1..=2 {
        let under_way = [0, 1, 2].map(|number| {
            let mut connection = Connection::open(front.port());
            connection.send(format!("GET /late/{number} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
            connection
        });
        wait_for("three requests under way", || shows(IN_FLIGHT) == 3.0);
        let counted = shows(REQUESTS);
        // Dies of the request's body; whoever it was for gets no answer, or 503.
        let body = Request::new("PUT", front.url("/200")).body("the last");
        let answer = Client::new().send(body).map(|answer| answer.status);
        assert!(!matches!(answer, Ok(200)), "{answer:?}");
        wait_for("the filter to be begun anew", || ask(front.url("/200")) == Some(200));
        let reloads = shows("envoy_wasm_request_metrics_vm_reload_success");
        assert!(reloads >= f64::from(death), "{reloads} reloads after {death} deaths");
        drop(under_way);
        many_label_sets(&front);
        wait_for("requests to be counted again", || shows(REQUESTS) > counted + 20.0);
        wait_for("nothing to be under way", || shows(IN_FLIGHT) == 0.0);
    }
    scraper.check();
}

/// The shipped configuration with its listener in a file of its own, which Envoy watches.
struct Watched {
    folder: tempfile::TempDir,
    listener: String,
}

impl Watched {
    fn start(yaml: &str) -> (Watched, Envoy) {
        let folder = temp_dir("listeners").unwrap();
        let (head, rest) = yaml.split_once("  listeners:\n").unwrap();
        let (listener, clusters) = rest.split_once("  clusters:\n").unwrap();
        let named = "    - name: front\n";
        let typed =
            "    - \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n      name: front\n";
        let listener = format!("resources:\n{}", render(listener, &[(named, typed)]).unwrap());
        let (file, watched) = (folder.path().join("listeners.yaml"), folder.path().display().to_string());
        let bootstrap = format!(
            "node: {{ id: test, cluster: test }}\ndynamic_resources:\n  lds_config:\n    resource_api_version: V3\n    \
             path_config_source: {{ path: {}, watched_directory: {{ path: {watched} }} }}\n{head}  clusters:\n{clusters}",
            file.display()
        );
        fs::write(&file, &listener).unwrap();
        let options = EnvoyOptions { concurrency: 2, ..EnvoyOptions::default() };
        let envoy = Envoy::start(&bootstrap, &options).unwrap();
        (Watched { folder, listener }, envoy)
    }

    /// Changes a piece of it.
    fn change(&self, old: &str, new: &str) {
        let changed = render(&self.listener, &[(old, new)]).unwrap();
        let staged = self.folder.path().join("staged.yaml");
        fs::write(&staged, changed).unwrap();
        fs::rename(staged, self.folder.path().join("listeners.yaml")).unwrap();
    }
}

#[test]
fn a_configuration_that_changes_under_traffic_loses_no_count() {
    let origin = Origin::start(service).unwrap();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let (listener, admin) = (ports::free(), ports::free());
    let yaml = FrontProxy::yaml(FrontProxyPorts {
        listener,
        admin,
        workspace: origin.port(),
        companion: companion.port(),
    });
    let cap = format!("max_label_sets: {CAP}");
    let yaml = render(&yaml.unwrap(), &[("max_label_sets: 200", &cap)]).unwrap();
    let (watched, envoy) = Watched::start(&yaml);
    let metrics = || {
        let client = Client::new();
        let answer = client.get(format!("http://127.0.0.1:{admin}/stats/prometheus"));
        series(&answer.text())
    };
    let sum = |name: &str| -> f64 {
        let found = metrics().into_iter().filter(|(series, _)| series.split('{').next() == Some(name));
        found.map(|(_, value)| value).sum()
    };
    let scraper = Scraper::start(admin);
    let is_over = AtomicBool::new(false);
    let asked: usize = std::thread::scope(|scope| {
        let clients = [0, 1, 2].map(|client| {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut asked = 0;
                while !is_over.load(Ordering::SeqCst) {
                    let status = [200, 201, 404, 410, 411, 412, 413, 414, 415][asked % 9];
                    let path = format!("http://127.0.0.1:{listener}/{client}/{status}");
                    assert_eq!(ask(path), Some(status), "after {asked} requests of client {client}");
                    asked += 1;
                }
                asked
            })
        });
        for change in 1..=8 {
            let upstream =
                if change % 2 == 1 { "upstream_duration: false" } else { "upstream_duration: true # again" };
            watched.change("upstream_duration: true", upstream);
            let changes = f64::from(change) + 1.0;
            wait_for("the change to be in force", || {
                sum("envoy_listener_manager_lds_update_success") >= changes
            });
            let counted = sum(REQUESTS);
            wait_for("requests after the change to be counted", || sum(REQUESTS) > counted + 50.0);
        }
        is_over.store(true, Ordering::SeqCst);
        clients.map(|client| client.join().unwrap()).into_iter().sum()
    });
    wait_for("every request to be counted, once", || sum(REQUESTS) == asked as f64);
    wait_for("nothing to be under way", || sum(IN_FLIGHT) == 0.0);
    scraper.check();
    let log = envoy.log();
    assert!(!log.contains("[critical]") && !log.contains("panicked"), "{log}");
}
