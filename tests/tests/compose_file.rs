//! `compose/compose.yaml` without an engine: what it says holds together, is hardened throughout, and has no default password.
#![allow(clippy::unwrap_used, reason = "clippy knows tests, but not their helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use tempfile::TempDir;
use testbed::containers::{compose, images, output};
use testbed::{artifacts, render, temp_dir, validate, workspace_root};

/// Services that come without a profile.
const ALWAYS: [&str; 15] = [
    "companion",
    "documentation",
    "envoy",
    "grafana",
    "pgbouncer",
    "prometheus",
    "redis-cache",
    "redis-state",
    "service-launcher",
    "signal-generator",
    "timescaledb",
    "tp-capital",
    "tp-capital-envoy",
    "workspace",
    "workspace-envoy",
];
const PROFILES: [(&str, &[&str]); 3] = [
    ("cluster", &["redis-node-1", "redis-node-2", "redis-node-3"]),
    ("dev", &["redis-ui"]),
    ("load", &["k6"]),
];
/// The image that nothing here stands in for.
const NOT_TO_BE_HAD: &str = "grafana/grafana:11.4.0";

fn folder() -> PathBuf {
    workspace_root().join("compose")
}

fn read(file: &str) -> String {
    fs::read_to_string(folder().join(file)).unwrap()
}

/// A copy of what `compose/init.sh` works on, after it has run.
fn initialised() -> TempDir {
    let dir = temp_dir("compose").unwrap();
    for file in ["init.sh", ".env.example"] {
        fs::copy(folder().join(file), dir.path().join(file)).unwrap();
    }
    output(&mut init(dir.path())).unwrap();
    dir
}

fn init(folder: &Path) -> Command {
    let mut init = Command::new("sh");
    init.arg(folder.join("init.sh"));
    init
}

/// What compose makes of the file, with these variables' file; refuses what it does not know.
fn resolved(env_file: &Path) -> anyhow::Result<Value> {
    let mut command = compose()?;
    command
        .env_clear()
        .args(["--profile", "*", "--env-file"])
        .arg(env_file)
        .arg("--file")
        .arg(folder().join("compose.yaml"));
    Ok(serde_json::from_str(&output(command.args(["config", "--format", "json"]))?)?)
}

static FILE: LazyLock<Value> = LazyLock::new(|| resolved(&initialised().path().join(".env")).unwrap());

fn services() -> &'static Map<String, Value> {
    FILE["services"].as_object().unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn networks(service: &str) -> BTreeSet<&str> {
    services()[service]["networks"].as_object().unwrap().keys().map(String::as_str).collect()
}

/// Whether one service can reach another by its name.
fn reaches(one: &str, other: &str) -> bool {
    services().contains_key(other) && networks(one).intersection(&networks(other)).next().is_some()
}

/// Variables of the compose file, and how each is used: `:-default`, `-default`, `:?message`, or nothing.
fn variables() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    let text = read("compose.yaml");
    for piece in text.split("${").skip(1) {
        let inner = piece.split('}').next().unwrap();
        let end = inner
            .find(|c: char| !c.is_ascii_uppercase() && c != '_' && !c.is_ascii_digit())
            .unwrap_or(inner.len());
        found.entry(inner[..end].to_owned()).or_default().insert(inner[end..].to_owned());
    }
    found
}

#[test]
fn all_services_are_there_each_in_its_profile() {
    let mut expected: BTreeMap<&str, Vec<&str>> = ALWAYS.iter().map(|name| (*name, vec![])).collect();
    for (profile, names) in PROFILES {
        expected.extend(names.iter().map(|name| (*name, vec![profile])));
    }
    let found: BTreeMap<&str, Vec<&str>> =
        services().iter().map(|(name, service)| (name.as_str(), texts(&service["profiles"]))).collect();
    assert_eq!(found, expected);
    assert_eq!(services()["companion"]["deploy"]["replicas"], 2);
}

#[test]
fn the_first_node_of_the_cluster_makes_it_of_all_and_each_has_its_own_name() {
    let (_, nodes) = PROFILES[0];
    let command = |name: &str| texts(&services()[name]["command"]);
    assert_eq!(command(nodes[0]), [&["sh", "/etc/redis/start-node.sh"], nodes].concat());
    for name in &nodes[1..] {
        assert_eq!(command(name).last(), Some(&format!("cluster-announce-hostname {name}").as_str()));
    }
}

#[test]
fn every_service_is_hardened_and_limited() {
    for (name, service) in services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert_eq!(service.get("cap_add").or(service.get("privileged")), None, "{name}");
        let user = service["user"].as_str().unwrap_or("the image's own");
        assert!(
            !user.starts_with('0') && user != "root" && user != "the image's own" || name == "k6",
            "{name} runs as {user}"
        );
        let limits = &service["deploy"]["resources"]["limits"];
        for limit in ["cpus", "memory", "pids"] {
            assert!(!limits[limit].is_null(), "{name} has no limit of {limit}: {limits}");
        }
        let comes_and_goes = ["k6", "signal-generator"].contains(&name.as_str());
        assert!(
            !texts(&service["healthcheck"]["test"]).is_empty() || comes_and_goes,
            "{name} has no health check"
        );
        assert!(!service["logging"]["options"]["max-size"].is_null(), "{name}'s log has no end");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
        }
    }
}

#[test]
fn every_variable_is_in_the_example_with_its_default_and_no_secret_has_one() {
    let example = read(".env.example");
    let mut listed = BTreeMap::new();
    for line in example.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some((name, value)) = line.split_once('=')
            && name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
        {
            assert_eq!(listed.insert(name.to_owned(), value.to_owned()), None, "{name} stands there twice");
        }
    }
    let used = variables();
    assert_eq!(listed.keys().collect::<Vec<_>>(), used.keys().collect::<Vec<_>>());
    for (name, uses) in &used {
        let is_secret = name.ends_with("PASSWORD") || name.ends_with("TOKEN");
        let default = listed[name].as_str();
        for how in uses {
            let given = how.strip_prefix(":-").or(how.strip_prefix('-'));
            if is_secret {
                assert!(given.is_none() && default.is_empty(), "{name} has a default");
            } else {
                assert_eq!(given, Some(default), "{name}");
            }
        }
        assert!(!is_secret || uses.iter().any(|how| how.starts_with(":?")), "{name} may be missing");
    }
}

#[test]
fn secrets_are_made_once_and_what_lacks_is_named() {
    let dir = initialised();
    let read = || fs::read_to_string(dir.path().join(".env")).unwrap();
    let first = read();
    let secrets: BTreeSet<&str> = first
        .lines()
        .filter(|line| line.contains("PASSWORD=") || line.contains("TOKEN="))
        .map(|line| line.split_once('=').unwrap().1)
        .collect();
    assert_eq!(secrets.len(), 9, "each is another");
    assert!(secrets.iter().all(|secret| secret.len() == 48), "{secrets:?}");
    output(&mut init(dir.path())).unwrap();
    assert_eq!(read(), first);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(dir.path().join(".env")).unwrap().permissions().mode() & 0o777, 0o600);
    for name in variables().keys().filter(|name| name.ends_with("PASSWORD") || name.ends_with("TOKEN")) {
        let lacking: String = first
            .lines()
            .filter(|line| !line.starts_with(&format!("{name}=")))
            .map(|line| format!("{line}\n"))
            .collect();
        let file = dir.path().join("lacking.env");
        fs::write(&file, lacking).unwrap();
        let error = resolved(&file).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("compose/init.sh"), "{error}");
    }
}

#[test]
fn what_is_mounted_and_built_exists() {
    let dockerfile = read("Dockerfile");
    for (name, service) in services() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = Path::new(volume["source"].as_str().unwrap());
            match volume["type"].as_str().unwrap() {
                "bind" => assert!(source.exists() || source.ends_with("compose/reports"), "{name}: {volume}"),
                kind => assert!(
                    kind == "volume" && !FILE["volumes"][source.to_str().unwrap()].is_null(),
                    "{name}: {volume}"
                ),
            }
        }
        let Some(build) = service.get("build") else { continue };
        let target = build["target"].as_str().unwrap();
        assert!(dockerfile.contains(&format!(" AS {target}\n")), "{name}: {target}");
        assert!(images::OWN.contains(&target), "{target} is not tried");
    }
}

#[test]
fn images_build_without_buildkit_and_have_stand_ins() {
    for file in [
        read("Dockerfile"),
        fs::read_to_string(workspace_root().join("testbed/containers/Dockerfile")).unwrap(),
    ] {
        for newer in ["--mount", "--link", "--chmod", "<<", "# syntax", "ADD "] {
            assert!(!file.contains(newer), "{newer} wants BuildKit");
        }
    }
    let tags: Vec<&str> = images::STAND_INS.iter().map(|(_, tag)| *tag).collect();
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        let known = tags.contains(&image) || image == NOT_TO_BE_HAD || image.starts_with("slipstream/");
        assert!(known, "{name}: nothing stands in for {image}");
    }
    let bases = read("Dockerfile");
    let bases = bases
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|line| line.split(' ').next().unwrap());
    for base in bases {
        let is_own = images::OWN.contains(&base) || base == "debian:bookworm-slim";
        assert!(tags.contains(&base) || is_own, "nothing stands in for {base}");
    }
}

#[test]
fn whoever_names_a_service_can_reach_it() {
    let address = |line: &str| {
        let (_, rest) = line.split_once("{ address: ")?;
        let name = rest.split([',', ' ']).next()?;
        (!name.starts_with(|c: char| c.is_ascii_digit() || "{$".contains(c)) && !name.is_empty())
            .then(|| name.to_owned())
    };
    let mut seen = 0;
    for (file, users) in
        [("front-proxy.yaml", &["envoy"][..]), ("sidecar.yaml", &["workspace-envoy", "tp-capital-envoy"])]
    {
        for name in read(&format!("envoy/{file}")).lines().filter_map(address) {
            for user in users {
                assert!(reaches(user, &name), "{user} does not reach {name}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 6, "{seen}");
    for sidecar in ["workspace-envoy", "tp-capital-envoy"] {
        let beside = services()[sidecar]["environment"]["APPLICATION"].as_str().unwrap();
        assert!(reaches(sidecar, beside));
        for other in services().keys().filter(|name| reaches(name, beside)) {
            let allowed = [sidecar, beside, "pgbouncer", "timescaledb"];
            assert!(allowed.contains(&other.as_str()), "{other} reaches {beside} past its sidecar");
        }
    }
    let watched = services()["service-launcher"]["environment"]["LAUNCHER_SERVICES"].as_str().unwrap();
    let watched: Vec<&str> = watched
        .split(',')
        .map(|entry| entry.split(['/', ':']).find(|part| services().contains_key(*part)).unwrap_or(entry))
        .collect();
    for name in &watched {
        assert!(reaches("service-launcher", name), "{name}");
    }
    assert!(watched.len() >= 9, "{watched:?}");
    let scraped = read("prometheus/prometheus.yml") + &read("prometheus/targets/envoys.yml");
    for name in ["envoy", "workspace-envoy", "tp-capital-envoy", "companion"] {
        assert!(
            scraped.contains(&format!("\"{name}:9901\"")) || scraped.contains(&format!("names: [{name}]")),
            "{name}"
        );
        assert!(reaches("prometheus", name), "{name}");
    }
}

#[test]
fn envoy_takes_its_configurations() {
    let filters = format!("{}/", artifacts::filters_dir().display());
    let mut pieces = vec![("/opt/slipstream/filters/", filters.as_str()), ("${SLIPSTREAM_TOKEN}", "token")];
    validate(&render(&read("envoy/front-proxy.yaml"), &pieces).unwrap()).unwrap();
    pieces.push(("${APPLICATION}", "workspace"));
    validate(&render(&read("envoy/sidecar.yaml"), &pieces).unwrap()).unwrap();
}

#[test]
fn the_companion_takes_its_configuration() {
    for service in ["companion", "pgbouncer", "documentation"] {
        let mut check = Command::new(artifacts::companion().unwrap());
        check.env_clear().args(["config", "check"]);
        if service == "companion" {
            check.arg("--config").arg(folder().join("companion/slipstream.toml"));
        }
        for (name, value) in services()[service]["environment"].as_object().unwrap() {
            check.env(name, value.as_str().unwrap());
        }
        output(&mut check).unwrap();
    }
}

#[test]
fn redis_runs_as_its_role_asks() {
    use testbed::{Launch, Tool, ports};
    let expected: [(&str, [(&str, &str); 4]); 2] = [
        (
            "cache",
            [
                ("maxmemory", "268435456"),
                ("maxmemory-policy", "allkeys-lru"),
                ("maxclients", "10000"),
                ("appendonly", "no"),
            ],
        ),
        (
            "state",
            [
                ("maxmemory-policy", "noeviction"),
                ("maxclients", "10000"),
                ("appendonly", "yes"),
                ("appendfsync", "everysec"),
            ],
        ),
    ];
    for (role, settings) in expected {
        let dir = temp_dir(role).unwrap();
        let port = ports::free();
        let cli = |arguments: &[&str]| {
            let mut cli = Command::new(Tool::RedisCli.path().unwrap());
            cli.env("REDISCLI_AUTH", "secret").args(["-p", &port.to_string()]).args(arguments);
            output(&mut cli).unwrap_or_default()
        };
        let text = |path: PathBuf| path.display().to_string();
        let _redis = Launch::new("redis", "/bin/sh", dir.path())
            .args([text(folder().join("redis/start.sh")), text(folder().join(format!("redis/{role}.conf")))])
            .args([
                format!("port {port}"),
                "bind 127.0.0.1".to_owned(),
                format!("dir {}", dir.path().display()),
            ])
            .env("REDIS_PASSWORD", "secret")
            .start(|| cli(&["ping"]).trim() == "PONG")
            .unwrap();
        for (setting, value) in settings {
            assert_eq!(cli(&["config", "get", setting]).trim(), format!("{setting}\n{value}"), "{role}");
        }
        let mut stranger = Command::new(Tool::RedisCli.path().unwrap());
        let refused = stranger.args(["-p", &port.to_string(), "ping"]).output().unwrap();
        assert!(String::from_utf8_lossy(&refused.stdout).contains("NOAUTH"));
    }
}
