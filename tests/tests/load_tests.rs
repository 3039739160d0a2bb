//! The load tests of `k6/` on the APIs of the compose demo, the smallest of their profiles; and restarts of what Slipstream adds while
//! requests keep coming.
#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not their helpers")]

use std::fs;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::{ApiStack, Client, Request, Tool, temp_dir, workspace_root};

const ITEMS: u32 = 2_000;

/// `k6/run.sh`, which finds k6 where the tests have it.
fn run(arguments: &[&str]) -> Output {
    let mut run = Command::new("sh");
    run.arg(workspace_root().join("k6/run.sh")).args(arguments).env("K6", Tool::K6.path().unwrap());
    run.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn the_smoke_profile_passes_and_leaves_a_report() {
    let stack = ApiStack::start(ITEMS, 1).unwrap();
    let reports = temp_dir("reports").unwrap();
    let folder = reports.path().display().to_string();
    for scenario in ["workspace", "tp-capital"] {
        let output = run(&[scenario, "--profile", "smoke", "--url", &stack.url(""), "--reports", &folder]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains(&format!("{scenario}: passed")), "{}", said(&output));
        let html = fs::read_to_string(reports.path().join(format!("{scenario}.html"))).unwrap();
        let json = fs::read_to_string(reports.path().join(format!("{scenario}.json"))).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        let hits = json["metrics"]["cache_hits"]["values"]["rate"].as_f64().unwrap();
        assert!(hits > 0.5, "{hits}");
        assert!(html.contains("<h2>Thresholds</h2>") && html.contains("p(95)&lt;500"), "{html}");
        assert!(
            !html.contains("http://cdn") && !html.contains("src="),
            "needs something from elsewhere: {html}"
        );
    }
    // Metrics of the front proxy are there, and what else the admin interface can do is not.
    let client = Client::new();
    let metrics = client.get(stack.metrics_url("/stats/prometheus")).text();
    assert!(metrics.contains("opt004_cache_hits_total"), "{metrics}");
    for (path, status) in [("/ready", 200), ("/quitquitquit", 404), ("/config_dump", 404)] {
        assert_eq!(
            client.send(Request::new("POST", stack.metrics_url(path)).body("")).unwrap().status,
            status,
            "{path}"
        );
    }
}

#[test]
fn every_profile_brings_its_users() {
    let stack = ApiStack::start(ITEMS, 1).unwrap();
    let reports = temp_dir("reports").unwrap();
    for (profile, users) in [("load", 100), ("stress", 400), ("spike", 300), ("soak", 50)] {
        let mut k6 = Command::new(Tool::K6.path().unwrap());
        k6.args(["run", "--quiet", "--address", ""]).arg(workspace_root().join("k6/workspace.js"));
        k6.env("BASE_URL", stack.url("")).env("PROFILE", profile).env("REPORT_DIR", reports.path());
        // Some seconds each, in which there are not as many requests as a threshold on their times wants on a busy machine.
        k6.env("TIME_SCALE", "0.01").env("SOAK_DURATION", "2m").env("K6_NO_USAGE_REPORT", "true");
        let output = k6.output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 99)), "{profile}: {}", said(&output));
        let json = fs::read_to_string(reports.path().join("workspace.json")).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        let metrics = &json["metrics"];
        assert_eq!(metrics["vus_max"]["values"]["max"], users, "{profile}");
        assert_eq!(metrics["http_req_failed"]["values"]["rate"], 0.0, "{profile}: {}", said(&output));
        assert!(metrics["http_reqs"]["values"]["count"].as_f64() > Some(0.0), "{profile}");
    }
    let mut k6 = Command::new(Tool::K6.path().unwrap());
    k6.args(["run", "--quiet", "--address", ""]).arg(workspace_root().join("k6/workspace.js"));
    let output = k6.env("TIME_SCALE", "soon").output().unwrap();
    assert!(
        !output.status.success() && said(&output).contains("TIME_SCALE soon is no number"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_run_that_measured_nothing_does_not_pass() {
    // One whose users do nothing at all, one that throws, and one with nobody to ask.
    let dir = temp_dir("nothing").unwrap();
    let library = workspace_root().join("k6/lib").display().to_string();
    for (name, body) in [("idle", ""), ("throws", "throw new Error('no');")] {
        let script = format!(
            "import {{ thresholds }} from '{library}/thresholds.js';\n\
             export const options = {{ vus: 1, iterations: 1, thresholds: thresholds({{ some: 1 }}, {{ http_req_duration: ['p(95)<500'] }}) }};\n\
             export default function () {{ {body} }}\n"
        );
        let file = dir.path().join(format!("{name}.js"));
        fs::write(&file, script).unwrap();
        let mut k6 = Command::new(Tool::K6.path().unwrap());
        let output = k6.args(["run", "--quiet", "--address", ""]).arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(99), "{name}: {}", said(&output));
    }
    let nobody = format!("http://127.0.0.1:{}", testbed::ports::free());
    let folder = dir.path().display().to_string();
    let output = run(&["workspace", "--profile", "smoke", "--url", &nobody, "--reports", &folder]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("done{kind:list-items} count>=20"), "{}", said(&output));
}

#[test]
fn mistakes_in_the_command_line_are_named() {
    for (arguments, message) in [
        (&[][..], "which scenario?"),
        (&["everything"], "everything is no scenario"),
        (&["all", "--profile", "hard"], "--profile hard: it is smoke, load, stress, spike or soak"),
        (&["all", "--url"], "--url wants a value"),
        (&["rag", "workspace"], "one scenario, or all"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            said(&output).contains(message) && said(&output).contains("--reports FOLDER"),
            "{}",
            said(&output)
        );
    }
    assert!(run(&["--help"]).status.success());
}

/// Reads and writes until told to stop; every answer has to be right, and no read may lack what was written before it.
fn use_it(stack_url: &str, worker: usize, stop: &AtomicBool, answers: &AtomicU64) {
    let client = Client::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        for path in
            ["/api/items", "/api/items?page_size=20", "/api/items/7", "/api/signals/latest", "/health"]
        {
            let answer = client.send(Request::get(format!("{stack_url}{path}"))).expect(path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answers.fetch_add(1, Ordering::Relaxed);
        }
        let item = json!({ "title": format!("restart {worker} {round}"), "category": "data" });
        let made =
            client.send(Request::post_json(format!("{stack_url}/api/items"), &item)).expect("a new item");
        assert_eq!(made.status, 201, "{}", made.text());
        let id = made.json()["id"].clone();
        let list = client.send(Request::get(format!("{stack_url}/api/items"))).expect("a list");
        assert_eq!(list.status, 200, "{}", list.text());
        let has_it = list.json()["items"].as_array().unwrap().iter().any(|item| item["id"] == id);
        assert!(has_it, "the list lacks item {id}, just made; {:?}", list.header("cache-status"));
        answers.fetch_add(2, Ordering::Relaxed);
    }
}

#[test]
fn restarts_of_companions_and_redis_fail_no_request() {
    let mut stack = ApiStack::start(ITEMS, 2).unwrap();
    let url = stack.url("");
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (url, stop, answers) = (url.as_str(), &stop, &answers);
                scope.spawn(move || use_it(url, worker, stop, answers))
            })
            .collect();
        // Between restarts requests have to come through, however busy the machine is.
        let restarted = stack.rolling_restart(|_| {
            let before = answers.load(Ordering::Relaxed);
            testbed::wait_until(Duration::from_secs(60), || {
                answers.load(Ordering::Relaxed) >= before + 300
                    || workers.iter().all(|worker| worker.is_finished())
            });
        });
        stop.store(true, Ordering::Relaxed);
        restarted.unwrap();
    });
    assert!(answers.load(Ordering::Relaxed) >= 1_200, "{answers:?}");
    // And afterwards there are hits again.
    let client = Client::new();
    e2e::wait_for("a hit", || {
        client.get(format!("{url}/api/items?page=3")).header("x-cache").as_deref() == Some("HIT")
    });
}
