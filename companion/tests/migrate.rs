//! `slipstream migrate` on a real PostgreSQL: killed at any moment, started by `serve`, asked by people and machines.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::{Client, Launch, Postgres, ports, temp_dir, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

fn slipstream(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    command.args(arguments).env_clear().env("SLIPSTREAM_WORKSPACE__URL", url).stdin(Stdio::null());
    command
}

fn run(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = slipstream(url, arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A server whose database has items, and no indexes yet.
fn with_items(items: u32) -> Postgres {
    let postgres = Postgres::start_with(&["jit=off", "max_wal_size=4GB"]).unwrap();
    let (status, _, error) = run(&postgres.url(), &["migrate", "up", "workspace", "--to", "2"]);
    assert_eq!(status, 0, "{error}");
    let seed = include_str!("../../demo/src/seed/items.sql").replace("$1::bigint", &items.to_string());
    postgres.sql(&seed).unwrap();
    // What may be read from an index alone is known only after it, and `verify` judges by that.
    postgres.sql("VACUUM ANALYZE workspace.workspace_items").unwrap();
    postgres
}

/// Numbers that look random and are the same every time (SplitMix64).
fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Kills `up` again and again; returns how many were killed before they had ended.
fn kill_and_recover(items: u32, times: u32, seed: u64) -> u32 {
    let postgres = with_items(items);
    let url = postgres.url();
    let start = Instant::now();
    assert_eq!(run(&url, &["migrate", "up", "workspace"]).0, 0);
    let whole = start.elapsed();
    let (mut seed, mut killed) = (seed, 0);
    for time in 0..times {
        assert_eq!(run(&url, &["migrate", "down", "workspace", "--to", "2"]).0, 0);
        let after = whole.mul_f64((dice(&mut seed) % 1_000) as f64 / 1_000.0);
        let mut up = slipstream(&url, &["migrate", "up", "workspace"]).stderr(Stdio::null()).spawn().unwrap();
        let ended = wait_until(after, || up.try_wait().unwrap().is_some());
        up.kill().unwrap();
        up.wait().unwrap();
        killed += u32::from(!ended);
        let (status, output, error) = run(&url, &["migrate", "up", "workspace"]);
        assert_eq!(status, 0, "kill {time} after {after:?}: {output}{error}");
        for check in ["verify", "drift", "status"] {
            let (status, output, error) = run(&url, &["migrate", check, "workspace"]);
            assert_eq!(status, 0, "kill {time} after {after:?}, {check}: {output}{error}");
        }
    }
    killed
}

#[test]
fn up_recovers_from_being_killed_at_any_moment() {
    assert!(kill_and_recover(8_000, 5, 7) >= 3);
}

#[test]
#[ignore = "run by cargo xtask trial migrate"]
fn migrate_recovers_from_twenty_kills() {
    let killed = kill_and_recover(200_000, 20, 11);
    println!(
        "20 runs of `migrate up`, {killed} of them killed before they had ended; each next one completed, verified and without drift"
    );
}

#[test]
fn commands_tell_people_and_machines_and_exit_accordingly() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.url();
    let (status, output, _) = run(&url, &["migrate", "status"]);
    assert!(status == 1 && output.contains("workspace: behind, version 0, 23 to apply"), "{output}");
    for command in [&["migrate", "plan"][..], &["migrate", "up", "--dry-run"]] {
        let (status, output, _) = run(&url, command);
        assert_eq!(status, 0);
        assert!(output.contains("003 newest (outside of a transaction)"), "{output}");
        assert!(
            output.contains("lock SHARE UPDATE EXCLUSIVE: holds up neither reads nor writes"),
            "{output}"
        );
        assert!(
            output.ends_with("workspace: 23 to apply; 0 may hold somebody up; 0 findings of the linter\n"),
            "{output}"
        );
    }
    assert_eq!(
        postgres.sql("SELECT to_regnamespace('workspace') IS NULL").unwrap(),
        "t",
        "nothing was changed"
    );

    let (status, output, told) = run(&url, &["migrate", "up", "--lean", "--json"]);
    let answer: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, answer["workspace"]["applied"].as_array().unwrap().len()), (0, 8), "{answer}");
    assert!(told.contains("workspace: 003 newest applied in "), "{told}");
    let (status, output, _) = run(&url, &["migrate", "status", "--json"]);
    let answer: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, &answer["workspace"]["current"]), (1, &Value::Bool(false)), "the rest is due");
    assert_eq!(run(&url, &["migrate", "up", "--with", "covered"]).0, 0);
    let (status, output, _) = run(&url, &["migrate", "report", "--no-measure"]);
    assert!(
        status == 0 && output.contains("workspace_items_category_status_created begins with"),
        "{output}"
    );

    postgres.sql("DROP INDEX workspace.workspace_items_tags").unwrap();
    let (status, output, _) = run(&url, &["migrate", "drift", "workspace"]);
    assert!(
        status == 1 && output.contains("index workspace_items_tags is missing: CREATE INDEX"),
        "{output}"
    );
    let (status, output, _) = run(&url, &["migrate", "verify", "workspace"]);
    assert!(status == 1 && output.contains("FAIL"), "{output}");
    let (_, output, _) = run(&url, &["migrate", "down", "workspace", "--to", "20", "--dry-run"]);
    assert!(output.contains("workspace: 8 would be taken back"), "{output}");
    let (status, _, error) = run(&url, &["migrate", "down", "workspace", "--to", "0"]);
    assert!(status == 1 && error.contains("--lose-data"), "{error}");
    // What is gone is forgotten, built again, and nothing is amiss.
    for command in ["repair", "up", "drift", "status"] {
        let arguments = ["migrate", command, "workspace", "--with", "covered"];
        let (status, output, error) = run(&url, &arguments);
        assert_eq!(status, 0, "{command}: {output}{error}");
    }

    for (arguments, status, expected) in [
        (&["migrate", "up", "tp-capital"][..], 1, "tp_capital.url is empty: set it"),
        (&["migrate", "up", "nowhere"], 2, "possible values: workspace, tp-capital, all"),
        (
            &["migrate", "up", "--with", "covert"],
            1,
            "there is no set \"covert\" of migrations, expected one of covered, default",
        ),
        (&["migrate", "up", "--migrations", "/nowhere"], 1, "there is no such folder"),
        (&["migrate", "baseline"], 2, "--to <NUMBER>"),
    ] {
        let (found, _, error) = run(&url, arguments);
        assert!(found == status && error.contains(expected), "{arguments:?}: {found} {error}");
    }
    let (status, _, error) = run("postgres://127.0.0.1:1/a", &["migrate", "status"]);
    assert!(status == 1 && error.contains("Is PostgreSQL running there"), "{error}");
    let (status, _, error) = run("", &["migrate", "status"]);
    assert!(status == 1 && error.contains("no database is configured"), "{error}");
}

#[test]
fn serve_applies_at_its_start_and_says_how_the_schema_stands() {
    let postgres = Postgres::start().unwrap();
    let client = Client::new();
    let start = |more: &[(&str, &str)]| {
        let dir = temp_dir("migrate").unwrap();
        let port = ports::free();
        let mut launch = Launch::new("slipstream", env!("CARGO_BIN_EXE_slipstream"), dir.path())
            .arg("serve")
            .env("SLIPSTREAM_LISTEN", format!("127.0.0.1:{port}"))
            .env("SLIPSTREAM_WORKSPACE__URL", postgres.url())
            .env("SLIPSTREAM_MIGRATE__CHECK_SECONDS", "1");
        for (name, value) in more {
            launch = launch.env(name, *value);
        }
        let url = format!("http://127.0.0.1:{port}");
        let process = launch.start(|| testbed::http::is_ok(&format!("{url}/healthz"))).unwrap();
        (dir, process, url)
    };
    let says = |url: &str, status: u16, text: &str| {
        let mut last = String::new();
        let held = wait_until(PATIENCE, || {
            let answer = client.get(format!("{url}/readyz"));
            last = format!("{} {}", answer.status, answer.text());
            answer.status == status && answer.text().contains(text)
        });
        assert!(held, "expected {status} {text:?}, last: {last}");
    };
    {
        let (_dir, _process, url) = start(&[]);
        says(&url, 200, "ready\nschema of workspace: behind, version 0, 23 to apply");
    }
    {
        let (_dir, _process, url) = start(&[("SLIPSTREAM_MIGRATE__REQUIRE_CURRENT", "true")]);
        says(&url, 503, "schema of workspace: behind");
        assert_eq!(run(&postgres.url(), &["migrate", "up", "--to", "2"]).0, 0);
        says(&url, 503, "version 2, 21 to apply");
    }
    // Three at once; each ends well, and is told when somebody changes the schema.
    let on_start = [("SLIPSTREAM_MIGRATE__APPLY_ON_START", "true")];
    let companions = [start(&on_start), start(&on_start), start(&on_start)];
    for (_, _, url) in &companions {
        says(url, 200, "schema of workspace: current, version 23");
        let metrics = client.get(format!("{url}/metrics")).text();
        assert!(
            metrics.contains("slipstream_schema_state{database=\"workspace\",state=\"current\"} 1"),
            "{metrics}"
        );
    }
    postgres.sql("ALTER TABLE workspace.workspace_items ADD COLUMN by_hand int").unwrap();
    says(
        &companions[0].2,
        200,
        "1 differences from what the migrations make, among them column workspace_items.by_hand",
    );
}
