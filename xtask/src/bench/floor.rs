//! `cargo xtask bench floor`: what the least that a filter has to do to measure requests costs, step by step, beside what
//! request-metrics costs.

pub mod module;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::artifacts::{self, Artifact};
use testbed::{Envoy, EnvoyOptions, Tool};

use super::cpu::CpuTime;
use super::load::{Load, Wrk};
use super::statistics::Spread;
use super::{page, record, say};
use module::{Callbacks, Read, module};

/// How long to measure
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How often every filter is measured; the median counts
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(3..))]
    rounds: u8,
    /// For how long each time, in seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Write the results into docs/BENCHMARKS.md
    #[arg(long)]
    record: bool,
}

/// Where a filter stands.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Nowhere: what the others are compared with.
    None,
    /// In the chain of filters.
    Filter(Callbacks),
    /// Among the access logs: told when all is over, and of nothing else.
    AccessLog(&'static [Read]),
    /// The shipped filter.
    RequestMetrics,
}

const STATUS: Read = Read::Property("response\0code");
const DURATION: Read = Read::Property("request\0duration");
const METHOD: Read = Read::Property("request\0method");
const ROUTE: Read = Read::Property("xds\0route_name");
const REQUEST_SIZE: Read = Read::Property("request\0size");
const RESPONSE_SIZE: Read = Read::Property("response\0size");

const NOTHING: Callbacks = Callbacks { request: None, response_body: false, log: None, streams: false };

/// Each filter does what the one before does and one thing more, until the line says otherwise.
const STEPS: [(&str, Kind); 13] = [
    ("no filter", Kind::None),
    ("an empty filter, which is told of nothing", Kind::Filter(NOTHING)),
    ("… is told when a request is over", Kind::Filter(Callbacks { log: Some(&[]), ..NOTHING })),
    ("… reads the status", Kind::Filter(Callbacks { log: Some(&[STATUS]), ..NOTHING })),
    ("… and the duration", Kind::Filter(Callbacks { log: Some(&[STATUS, DURATION]), ..NOTHING })),
    ("… and the method", Kind::Filter(Callbacks { log: Some(&[STATUS, DURATION, METHOD]), ..NOTHING })),
    (
        "… and the route's name",
        Kind::Filter(Callbacks { log: Some(&[STATUS, DURATION, METHOD, ROUTE]), ..NOTHING }),
    ),
    (
        "… and both sizes: three labels beside a fixed service, three histograms",
        Kind::Filter(Callbacks {
            log: Some(&[STATUS, DURATION, METHOD, ROUTE, REQUEST_SIZE, RESPONSE_SIZE]),
            ..NOTHING
        }),
    ),
    ("an empty access log, told when a request is over", Kind::AccessLog(&[])),
    ("… reads all six", Kind::AccessLog(&[STATUS, DURATION, METHOD, ROUTE, REQUEST_SIZE, RESPONSE_SIZE])),
    (
        "a filter that is told of both ends of a stream, the request's fields and the end, and reads both sides' fields",
        Kind::Filter(Callbacks {
            request: Some(&[Read::RequestFields]),
            response_body: false,
            log: Some(&[Read::ResponseFields]),
            streams: true,
        }),
    ),
    (
        "… and is told of the response's body: all that request-metrics takes",
        Kind::Filter(Callbacks {
            request: Some(&[Read::RequestFields]),
            response_body: true,
            log: Some(&[Read::ResponseFields]),
            streams: true,
        }),
    ),
    ("request-metrics, routes by fields", Kind::RequestMetrics),
];

/// Runs it. It has no target of its own.
pub fn run(options: &Options) -> Result<ExitCode> {
    let load_average = record::load_average()?;
    crate::ensure(&[Tool::Envoy, Tool::Wrk])?;
    artifacts::build(&[Artifact::Filters])?;
    let folder = testbed::temp_dir("floor")?;
    let envoy_options = EnvoyOptions {
        concurrency: 1,
        log_level: "warning".to_owned(),
        cpus: Some(super::stack::PROXY_CPU.to_owned()),
        ..EnvoyOptions::default()
    };
    let envoy = Envoy::start(&bootstrap(folder.path())?, &envoy_options)?;
    let wrk = Wrk::new(&super::stack::other_cpus()?)?;
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); STEPS.len()];
    // The round before the first is for V8 to compile what is hot.
    for round in 0..=options.rounds {
        for (step, samples) in samples.iter_mut().enumerate() {
            let cpu_us = measure(&envoy, &wrk, step, options.seconds)?;
            say(&format!("round {round}/{}  {cpu_us:6.2} µs  {}", options.rounds, STEPS[step].0));
            if round > 0 {
                samples.push(cpu_us);
            }
        }
    }
    let table = table(&samples)?;
    println!("{table}");
    if options.record {
        let command =
            format!("cargo xtask bench floor --rounds {} --seconds {}", options.rounds, options.seconds);
        let text = format!("{}\n{table}", circumstances(&command, load_average)?);
        page::write("cargo xtask bench floor", &text)?;
        say(&format!("recorded in {}", page::path().display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn circumstances(command: &str, load_average: f64) -> Result<String> {
    Ok(format!(
        "{}, commit {}: `{command}`; {}, {} processors, load average before {load_average:.2}\n",
        record::said("date", &["-u", "+%Y-%m-%d"])?,
        record::said("git", &["describe", "--always", "--dirty"])?,
        record::cpu_model()?,
        std::thread::available_parallelism()?
    ))
}

/// Microseconds of Envoy's processor time a request.
fn measure(envoy: &Envoy, wrk: &Wrk, step: usize, seconds: u64) -> Result<f64> {
    let base = format!("http://127.0.0.1:{}", envoy.listener_port(&name(step))?);
    let start = CpuTime::of(envoy.pid())?;
    let seen = wrk.run(&Load { base: &base, path: "/", coding: None, unique: None, seconds })?;
    let spent = CpuTime::of(envoy.pid())? - start;
    ensure!(seen.bad_statuses == 0 && seen.errors == 0, "{}: {seen:?}", STEPS[step].0);
    Ok(spent.running_ns as f64 / 1e3 / seen.requests as f64)
}

/// What each costs over no filter: the median of the rounds' own differences.
fn table(samples: &[Vec<f64>]) -> Result<String> {
    let none = samples.first().context("nothing was measured")?;
    let mut table = "| | µs over no filter | least | most |\n|---|--:|--:|--:|\n".to_owned();
    for ((what, _), samples) in STEPS.iter().zip(samples).skip(1) {
        let differences = samples.iter().zip(none).map(|(own, none)| own - none);
        let Spread { median, least, most } = Spread::of(differences).context("no round")?;
        table += &format!("| {what} | {median:.2} | {least:.2} | {most:.2} |\n");
    }
    Ok(table)
}

fn name(step: usize) -> String {
    format!("step-{step}")
}

/// A listener for each, all in one Envoy, which answers by itself.
fn bootstrap(folder: &Path) -> Result<String> {
    let mut listeners = Vec::new();
    for (step, (_, kind)) in STEPS.iter().enumerate() {
        listeners.push(listener(folder, step, *kind)?);
    }
    let tags = ["service", "route", "method", "status", "error_type", "cache_status", "le"];
    let tag = |label: &&str| json!({ "tag_name": label, "regex": format!("({label}=\\.=(.*?);\\.;)") });
    let bootstrap = json!({
        "admin": { "address": loopback() },
        "stats_config": { "stats_tags": tags.iter().map(tag).collect::<Vec<_>>() },
        "static_resources": { "listeners": listeners },
    });
    Ok(bootstrap.to_string())
}

fn listener(folder: &Path, step: usize, kind: Kind) -> Result<Value> {
    let name = name(step);
    let file = folder.join(format!("{name}.wasm"));
    let configured = |wasm: Vec<u8>| -> Result<Value> {
        fs::write(&file, wasm).context("cannot write a filter")?;
        Ok(vm(&name, &file))
    };
    let (mut filters, mut access_log) = (Vec::new(), Vec::new());
    let filter = |config: Value| {
        extension("slipstream.floor", "filters.http.wasm.v3.Wasm", json!({ "config": config }))
    };
    match kind {
        Kind::None => {}
        Kind::Filter(callbacks) => filters.push(filter(configured(module(callbacks))?)),
        Kind::AccessLog(reads) => {
            let config = configured(module(Callbacks { log: Some(reads), ..NOTHING }))?;
            access_log.push(extension(
                "slipstream.floor",
                "access_loggers.wasm.v3.WasmAccessLog",
                json!({ "config": config }),
            ));
        }
        Kind::RequestMetrics => filters.push(filter(vm(&name, &artifacts::filter("request-metrics")?))),
    }
    filters.push(extension("envoy.filters.http.router", "filters.http.router.v3.Router", json!({})));
    let direct = json!({
        "name": "all",
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": "x".repeat(2_000) } },
    });
    let manager = json!({
        "stat_prefix": name,
        "access_log": access_log,
        "route_config": { "name": name, "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [direct] }] },
        "http_filters": filters,
    });
    let manager = extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        manager,
    );
    Ok(json!({ "name": name, "address": loopback(), "filter_chains": [{ "filters": [manager] }] }))
}

/// A VM of its own for each.
fn vm(name: &str, file: &Path) -> Value {
    json!({
        "name": name,
        "root_id": name,
        "vm_config": {
            "vm_id": name,
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": file.display().to_string() } },
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.Struct",
            "value": { "service": "floor", "route_fields": [] },
        },
    })
}

fn extension(name: &str, type_name: &str, mut config: Value) -> Value {
    config["@type"] = format!("type.googleapis.com/envoy.extensions.{type_name}").into();
    json!({ "name": name, "typed_config": config })
}

fn loopback() -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } })
}
