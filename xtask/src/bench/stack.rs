//! The servers of the benchmark: what is measured on processor 0, everything else elsewhere.

use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use testbed::{Companion, CompanionOptions, Envoy, EnvoyOptions, Nginx, NginxOptions, Redis, RedisOptions};

use super::bodies;
use super::cases::{Case, Proxy, Resource, Size};
use super::envoy_config::{self, CompanionPorts, Ports};

/// The processor that the proxies have to themselves.
pub const PROXY_CPU: &str = "0";

/// Everything that runs. Fields drop in order: what asks stops before what answers.
#[derive(Debug)]
pub struct Stack {
    /// Envoy with one worker and a listener for each case.
    pub envoy: Envoy,
    /// nginx as a caching proxy.
    pub nginx_cache: Nginx,
    /// The upstream.
    pub origin: Nginx,
    /// Where everything that is not a proxy runs, in the notation of `taskset -c`.
    pub other_cpus: String,
    bodies: Vec<(Size, Vec<u8>)>,
    _companions: Option<Companions>,
}

impl Stack {
    /// Starts all of it, with listeners for these cases.
    pub fn start(cases: &[&Case]) -> Result<Stack> {
        let other_cpus = other_cpus()?;
        let pinned = Some(other_cpus.clone());
        let bodies: Vec<(Size, Vec<u8>)> = Size::ALL.map(|size| (size, bodies::body(size))).into();
        let files = bodies.iter().map(|(size, body)| (size.file().to_owned(), body.clone())).collect();
        let origin = Nginx::start(&NginxOptions {
            http: KEEP_ALIVE.to_owned(),
            server: origin_locations(),
            files,
            cpus: pinned.clone(),
        })
        .context("the origin")?;
        let nginx_cache = Nginx::start(&NginxOptions {
            http: format!("{KEEP_ALIVE} proxy_cache_path cache keys_zone=all:10m inactive=1d;"),
            server: cache_location(origin.port()),
            files: Vec::new(),
            cpus: Some(PROXY_CPU.to_owned()),
        })
        .context("nginx as a cache")?;
        let needs_companions = cases.iter().any(|case| case.has_companion());
        let companions = needs_companions.then(|| Companions::start(&pinned)).transpose()?;

        let direct = testbed::temp_dir("direct")?;
        let direct_file = direct.path().join(Size::Kb2.file());
        std::fs::write(&direct_file, bodies::body(Size::Kb2)).context("cannot write the direct response")?;
        let ports = Ports { origin: origin.port(), companions: companions.as_ref().map(Companions::ports) };
        let bootstrap = envoy_config::bootstrap(cases, ports, &direct_file.display().to_string())?;
        let options = EnvoyOptions {
            concurrency: 1,
            log_level: "warning".to_owned(),
            cpus: Some(PROXY_CPU.to_owned()),
            ..EnvoyOptions::default()
        };
        // Envoy reads the direct response's file when it starts, and not again.
        let envoy = Envoy::start(&bootstrap, &options)?;
        Ok(Stack { envoy, nginx_cache, origin, other_cpus, bodies, _companions: companions })
    }

    /// `http://127.0.0.1:PORT` of the case's proxy.
    pub fn url(&self, case: &Case) -> Result<String> {
        let port = match case.proxy {
            Proxy::NginxCache => self.nginx_cache.port(),
            Proxy::Envoy(_) | Proxy::EnvoyDirect(_) => self.envoy.listener_port(case.name)?,
        };
        Ok(format!("http://127.0.0.1:{port}"))
    }

    /// The process id of the case's proxy.
    pub fn proxy_pid(&self, case: &Case) -> u32 {
        match case.proxy {
            Proxy::NginxCache => self.nginx_cache.pid(),
            Proxy::Envoy(_) | Proxy::EnvoyDirect(_) => self.envoy.pid(),
        }
    }

    /// The body that the case's answers have to have.
    pub fn body(&self, case: &Case) -> Result<&[u8]> {
        let body = self.bodies.iter().find(|(size, _)| *size == case.size);
        body.map(|(_, body)| body.as_slice()).context("the origin has no such body")
    }
}

/// One companion that stores in its own memory and one that stores in Redis.
#[derive(Debug)]
struct Companions {
    embedded: Companion,
    redis: Companion,
    _server: Redis,
}

impl Companions {
    fn start(cpus: &Option<String>) -> Result<Companions> {
        let server = Redis::start(RedisOptions { cpus: cpus.clone(), ..RedisOptions::default() })?;
        let with_redis = vec![
            ("REDIS_HOST".to_owned(), "127.0.0.1".to_owned()),
            ("REDIS_PORT".to_owned(), server.port().to_string()),
        ];
        let companion = |env| {
            Companion::start(&CompanionOptions { env, cpus: cpus.clone(), ..CompanionOptions::default() })
        };
        Ok(Companions { embedded: companion(Vec::new())?, redis: companion(with_redis)?, _server: server })
    }

    fn ports(&self) -> CompanionPorts {
        CompanionPorts { embedded: self.embedded.port(), redis: self.redis.port() }
    }
}

/// All processors but the proxies'.
pub fn other_cpus() -> Result<String> {
    let count = available_parallelism().context("cannot count the processors")?.get();
    ensure!(count >= 2, "the benchmark needs two processors at least, one of them for the proxy alone");
    Ok(if count == 2 { "1".to_owned() } else { format!("1-{}", count - 1) })
}

/// Connections last as long as the benchmark, and answers carry the fields that an API's do: no validators of files.
const KEEP_ALIVE: &str = "types {} default_type application/json; sendfile on; tcp_nodelay on;
    etag off; max_ranges 0; keepalive_requests 1000000000; keepalive_timeout 1h; open_file_cache max=100 inactive=1h;";

fn origin_locations() -> String {
    let location = |resource: Resource| {
        let header = match resource {
            Resource::Plain => "",
            Resource::Storable => "add_header Cache-Control \"public, max-age=86400\";",
            Resource::NoStore => "add_header Cache-Control no-store;",
        };
        let folder = resource.folder();
        format!("location {folder} {{ alias www/; add_header Last-Modified \"\"; {header} }}\n")
    };
    [Resource::Plain, Resource::Storable, Resource::NoStore].map(location).concat()
}

fn cache_location(origin: u16) -> String {
    format!("location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache all; }}")
}
