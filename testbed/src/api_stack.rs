//! The APIs of the compose demo without containers: Envoy as its front proxy, two companions on one Redis, the demo's APIs on
//! PostgreSQL behind PgBouncer.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{
    Companion, CompanionOptions, Demo, Envoy, EnvoyOptions, PgBouncer, PgBouncerOptions, Postgres, Redis,
    RedisOptions, artifacts, ports, render, workspace_root,
};

const COMPANIONS: usize = 2;
/// One endpoint of the companions' cluster, as the configuration has it.
const ENDPOINT: &str = "              - endpoint:\n                  address:\n                    \
                        socket_address: { address: companion, port_value: 8900 }\n";

/// All of it, running. Fields drop in order: what asks stops before what answers.
#[derive(Debug)]
pub struct ApiStack {
    /// Envoy on `compose/envoy/front-proxy.yaml`.
    pub envoy: Envoy,
    port: u16,
    metrics_port: u16,
    companions: Vec<Option<Companion>>,
    companion_options: Vec<CompanionOptions>,
    /// The APIs workspace and tp-capital, in one process.
    pub demo: Demo,
    /// What the companions share.
    pub redis: Redis,
    _pgbouncer: PgBouncer,
    /// The APIs' database.
    pub postgres: Postgres,
}

impl ApiStack {
    /// Starts it with so many items, and as many signals, and so many workers of Envoy.
    pub fn start(items: u32, workers: u32) -> Result<ApiStack> {
        // Compiling a query to machine code takes longer than any query of these APIs.
        let postgres = Postgres::start_with(&["jit=off", "shared_buffers=256MB"]).context("PostgreSQL")?;
        let pgbouncer = PgBouncer::start(&PgBouncerOptions {
            databases: vec![("postgres".to_owned(), format!("host=127.0.0.1 port={}", postgres.port()))],
            settings: vec!["default_pool_size = 20".to_owned(), "max_client_conn = 1000".to_owned()],
        });
        let pgbouncer = pgbouncer.context("PgBouncer")?;
        let demo = Demo::start_pooled(&postgres.url(), pgbouncer.port(), items).context("the APIs")?;
        let args = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
        let redis = Redis::start(RedisOptions { args, ..RedisOptions::default() }).context("Redis")?;
        let companion_options: Vec<CompanionOptions> = (0..COMPANIONS).map(|_| options(&redis)).collect();
        let companions = companion_options
            .iter()
            .map(|options| Companion::start(options).map(Some))
            .collect::<Result<Vec<_>>>()
            .context("the companions")?;
        let (port, metrics_port) = (ports::free(), ports::free());
        let yaml = front_proxy(port, metrics_port, demo.port(), &companion_options)?;
        let envoy = Envoy::start(&yaml, &EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() });
        let envoy = envoy.context("Envoy")?;
        Ok(ApiStack {
            envoy,
            port,
            metrics_port,
            companions,
            companion_options,
            demo,
            redis,
            _pgbouncer: pgbouncer,
            postgres,
        })
    }

    /// `http://127.0.0.1:PORT` of the front proxy, and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where the front proxy's metrics are, and what the listener of metrics says to this path.
    pub fn metrics_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.metrics_port)
    }

    /// Restarts everything that Slipstream adds, one after the other, as an update does: each companion, then Redis, each only once
    /// the one before is well again. `between` is called before each and at the end.
    pub fn rolling_restart(&mut self, mut between: impl FnMut(&str)) -> Result<()> {
        for index in 0..self.companions.len() {
            between(&format!("companion {}", index + 1));
            if let Some(companion) = self.companions.get_mut(index).and_then(Option::as_mut) {
                // As long as its own grace, and a little more.
                companion.process().stop_within(Duration::from_secs(10));
            }
            let Some(options) = self.companion_options.get(index) else { continue };
            let started = Companion::start(options)?;
            if let Some(place) = self.companions.get_mut(index) {
                *place = Some(started);
            }
        }
        between("Redis");
        self.redis.stop();
        self.redis.start_again()?;
        between("");
        Ok(())
    }
}

fn options(redis: &Redis) -> CompanionOptions {
    let env = vec![
        ("REDIS_HOST".to_owned(), "127.0.0.1".to_owned()),
        ("REDIS_PORT".to_owned(), redis.port().to_string()),
    ];
    CompanionOptions { env, port: Some(ports::free()), ..CompanionOptions::default() }
}

fn front_proxy(port: u16, metrics: u16, apis: u16, companions: &[CompanionOptions]) -> Result<String> {
    let path = workspace_root().join("compose/envoy/front-proxy.yaml");
    let template = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let address = |port: u16| format!("{{ address: 127.0.0.1, port_value: {port} }}");
    let admin = ports::free();
    let endpoints: String = companions
        .iter()
        .map(|options| {
            ENDPOINT.replace(
                "{ address: companion, port_value: 8900 }",
                &address(options.port.unwrap_or_default()),
            )
        })
        .collect();
    let filters = format!("{}/", artifacts::filters_dir().display());
    for filter in artifacts::FILTERS {
        artifacts::filter(filter)?;
    }
    let pieces = [
        ("{ address: 0.0.0.0, port_value: 10000 }", address(port)),
        ("{ address: 127.0.0.1, port_value: 10000 }", address(port)),
        ("{ address: 0.0.0.0, port_value: 9901 }", address(metrics)),
        ("{ address: 127.0.0.1, port_value: 9900 }", address(admin)),
        ("{ address: workspace-envoy, port_value: 10000 }", address(apis)),
        ("{ address: tp-capital-envoy, port_value: 10000 }", address(apis)),
        ("{ address: service-launcher, port_value: 8090 }", address(apis)),
        (ENDPOINT, endpoints),
        ("/opt/slipstream/filters/", filters),
        // The companions are on loopback, and have none.
        ("                              token: ${SLIPSTREAM_TOKEN}\n", String::new()),
    ];
    let pieces: Vec<(&str, &str)> = pieces.iter().map(|(old, new)| (*old, new.as_str())).collect();
    render(&template, &pieces).with_context(|| format!("cannot render {}", path.display()))
}
