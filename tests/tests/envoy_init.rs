//! `slipstream envoy init` writes what `envoy check` and Envoy itself accept, and what serves.

use std::path::Path;
use std::process::{Command, Output};

use e2e::{assert_text, hit, miss, wait_for};
use serde_json::Value;
use testbed::{
    Answer, Client, Companion, CompanionOptions, Envoy, EnvoyOptions, Origin, artifacts, ports, temp_dir,
};

fn slipstream(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(artifacts::companion().unwrap());
    command.arg("envoy").args(arguments).current_dir(folder);
    // Without a terminal, nothing is asked.
    command.stdin(std::process::Stdio::null());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn what_is_written_is_accepted_and_serves() {
    let folder = temp_dir("envoy-init").unwrap();
    let origin = Origin::start(|_| Answer::json("7".repeat(5_000))).unwrap();
    let companion = Companion::start(&CompanionOptions::default()).unwrap();
    let listen = format!("127.0.0.1:{}", ports::free());
    let filters = artifacts::filters_dir().display().to_string();
    let [upstream, companion_at, admin] =
        [origin.port(), companion.port(), ports::free()].map(|port| format!("127.0.0.1:{port}"));
    let arguments = [
        ["--service", "shop"],
        ["--upstream", &upstream],
        ["--companion", &companion_at],
        ["--listen", &listen],
        ["--admin", &admin],
        ["--filter-folder", &filters],
        ["--cache", "/api/items=300"],
    ];
    let init: Vec<&str> = std::iter::once("init").chain(arguments.into_iter().flatten()).collect();
    let output = slipstream(folder.path(), &init);
    assert!(output.status.success(), "{}", said(&output));
    let yaml = std::fs::read_to_string(folder.path().join("envoy.yaml")).unwrap();

    let check = slipstream(folder.path(), &["check", "--strict", "envoy.yaml"]);
    assert!(
        check.status.success() && said(&check) == "envoy.yaml: 0 errors, 0 warnings\n",
        "{}",
        said(&check)
    );
    testbed::validate(&yaml).unwrap();

    // A second time it would overwrite what may have been changed.
    let again = slipstream(folder.path(), &init);
    assert!(!again.status.success() && said(&again).contains("is there already"), "{}", said(&again));

    let envoy = Envoy::start(&yaml, &EnvoyOptions::default()).unwrap();
    wait_for("both VMs to follow the companion", || {
        let stats = Client::new().get(companion.url("/v1/stats"));
        stats.json()["followers"].as_u64() == Some(2)
    });
    let client = Client::new();
    let url = format!("http://{listen}/api/items");
    let ask = |method: &str| {
        client.send(testbed::Request::new(method, &url).header("accept-encoding", "gzip")).unwrap()
    };
    assert_text(&miss(ask("GET")), 200, &"7".repeat(5_000));
    let kept = hit(ask("GET"));
    assert_eq!(kept.header("content-encoding").as_deref(), Some("gzip"));
    // What writes below a cached path invalidates it.
    assert_eq!(ask("PUT").status, 200);
    miss(ask("GET"));
    wait_for("requests to be counted", || {
        let stats = envoy.stats_prometheus().unwrap();
        stats.lines().any(|line| {
            line.starts_with("http_requests_total{")
                && line.contains("service=\"shop\"")
                && line.contains("route=\"api-items\"")
        })
    });
}

#[test]
fn without_a_terminal_what_is_missing_is_named() {
    let folder = temp_dir("envoy-init").unwrap();
    for (arguments, expected) in [
        (&["init"][..], "--service is missing"),
        (&["init", "--service", "shop"], "--upstream is missing"),
        (&["init", "--service", "shop", "--upstream", "x"], "`x` is no address"),
        (
            &["init", "--service", "shop", "--upstream", "x:1", "--filters", "cache"],
            "there is no filter `cache`",
        ),
        (&["init", "--service", "shop", "--upstream", "x:1", "--cache", "/a"], "expected PATH=SECONDS"),
    ] {
        let output = slipstream(folder.path(), arguments);
        assert!(
            !output.status.success() && said(&output).contains(expected),
            "{arguments:?}: {}",
            said(&output)
        );
        assert!(!folder.path().join("envoy.yaml").exists());
    }
}

/// Asks in a terminal, which `script` makes, and answers each question with a line.
#[test]
fn in_a_terminal_it_asks_for_what_is_missing() {
    let folder = temp_dir("envoy-init").unwrap();
    let program = artifacts::companion().unwrap();
    let command = format!("{} envoy init", program.display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(folder.path());
    script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = script.spawn().unwrap();
    // An address that is none is asked for again; an empty line takes what stands in brackets.
    let answers = "shop\nnowhere\nshop.internal:8080\nrequest-metrics,response-cache\n\n/api/items=60\n\n";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = said(&output);
    assert!(output.status.success() && said.contains("`nowhere` is no address"), "{said}");
    let yaml = std::fs::read_to_string(folder.path().join("envoy.yaml")).unwrap();
    for expected in [
        "cluster: shop",
        "address: shop.internal, port_value: 8080",
        "path_separated_prefix: /api/items",
        "default_ttl_seconds: 60",
    ] {
        assert!(yaml.contains(expected), "{expected}: {yaml}");
    }
    assert!(!yaml.contains("slipstream.compression"), "{yaml}");
}

#[test]
fn check_tells_by_its_status_and_as_json() {
    let root = testbed::workspace_root();
    let folder = temp_dir("envoy-check").unwrap();
    let shipped = std::fs::read_to_string(root.join("envoy/front-proxy.yaml")).unwrap();
    let broken = shipped.replace("FAIL_RELOAD", "FAIL_CLOSED").replace("target/filters", "nowhere");
    std::fs::write(folder.path().join("broken.yaml"), broken).unwrap();
    std::fs::write(folder.path().join("torn.yaml"), "a: [").unwrap();
    for (file, status) in [("broken.yaml", 1), ("torn.yaml", 2), ("absent.yaml", 2)] {
        let output = slipstream(folder.path(), &["check", file]);
        assert_eq!(output.status.code(), Some(status), "{file}: {}", said(&output));
    }
    let output = slipstream(folder.path(), &["check", "--json", "broken.yaml"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = report["findings"].as_array().unwrap().iter().map(|found| found["rule"].as_str().unwrap());
    let filters = shipped.matches("FAIL_RELOAD").count();
    assert_eq!(rules.filter(|rule| *rule == "failure-policy").count(), filters);
    assert_eq!(report["errors"], 2 * filters, "{report}");
    // Where the filters are on another machine, their files are not looked for.
    let output = slipstream(folder.path(), &["check", "--json", "--ignore", "wasm-file", "broken.yaml"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["errors"], output.status.code()), (&filters.into(), Some(1)), "{report}");
}

#[test]
fn every_filter_is_known_to_the_check() {
    let known: Vec<&str> = envoy_config::FILTERS.iter().map(|filter| filter.name).collect();
    let mut built = artifacts::FILTERS.to_vec();
    built.sort_by_key(|name| known.iter().position(|known| known == name));
    assert_eq!(known, built);
}
