//! The APIs of the compose demo without containers: Envoy as its front proxy, two companions on one Redis, the demo's APIs on
//! PostgreSQL behind PgBouncer.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use tempfile::TempDir;

use crate::containers::output;
use crate::{
    Companion, CompanionOptions, Demo, Envoy, EnvoyOptions, PgBouncer, PgBouncerOptions, Postgres, Redis,
    RedisOptions, Tool, artifacts, ports, render, temp_dir, workspace_root,
};

const COMPANIONS: usize = 2;
/// What the documentation's companion is asked with, and nobody else needs to know.
const TOKEN: &str = "token-of-the-documentation";
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
    documentation: Option<Documentation>,
    /// The APIs workspace and tp-capital, in one process.
    pub demo: Demo,
    /// What the companions share.
    pub redis: Redis,
    _pgbouncer: PgBouncer,
    /// The APIs' database.
    pub postgres: Postgres,
}

impl ApiStack {
    /// Starts it with so many items, and as many signals, and so many workers of Envoy, without the documentation.
    pub fn start(items: u32, workers: u32) -> Result<ApiStack> {
        ApiStack::start_all(items, workers, None)
    }

    /// Likewise, with a companion that answers questions about the project's own documentation, which takes the model.
    pub fn start_with_documentation(items: u32, workers: u32) -> Result<ApiStack> {
        let documentation = Documentation::start().context("the documentation")?;
        ApiStack::start_all(items, workers, Some(documentation))
    }

    fn start_all(items: u32, workers: u32, documentation: Option<Documentation>) -> Result<ApiStack> {
        // Compiling a query to machine code takes longer than any query of these APIs.
        let postgres = Postgres::start_with(&["jit=off", "shared_buffers=256MB"]).context("PostgreSQL")?;
        let pgbouncer = PgBouncer::start(&PgBouncerOptions {
            databases: vec![("postgres".to_owned(), format!("host=127.0.0.1 port={}", postgres.port()))],
            settings: vec!["default_pool_size = 20".to_owned(), "max_client_conn = 1000".to_owned()],
        });
        let pgbouncer = pgbouncer.context("PgBouncer")?;
        let demo = Demo::start_binary_pooled(&artifacts::demo()?, &postgres.url(), pgbouncer.port(), items)
            .context("the APIs")?;
        let args = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
        let redis = Redis::start(RedisOptions { args, ..RedisOptions::default() }).context("Redis")?;
        let companion_options: Vec<CompanionOptions> = (0..COMPANIONS).map(|_| options(&redis)).collect();
        let companions = companion_options
            .iter()
            .map(|options| Companion::start(options).map(Some))
            .collect::<Result<Vec<_>>>()
            .context("the companions")?;
        let (port, metrics_port) = (ports::free(), ports::free());
        let answers = documentation.as_ref().map_or(demo.port(), |documentation| documentation.port);
        let yaml = front_proxy(port, metrics_port, demo.port(), answers, &companion_options)?;
        let envoy = Envoy::start(&yaml, &EnvoyOptions { concurrency: workers, ..EnvoyOptions::default() });
        let envoy = envoy.context("Envoy")?;
        Ok(ApiStack {
            envoy,
            port,
            metrics_port,
            companions,
            companion_options,
            documentation,
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

    /// Whether questions are answered.
    pub fn has_documentation(&self) -> bool {
        self.documentation.is_some()
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

/// A companion that answers questions about `docs/`.
#[derive(Debug)]
struct Documentation {
    _companion: Companion,
    port: u16,
    _dir: TempDir,
}

impl Documentation {
    fn start() -> Result<Documentation> {
        let model = Tool::MiniLm.path()?;
        let model = model.parent().context("the model is in no folder")?.display().to_string();
        let (dir, port) = (temp_dir("documentation")?, ports::free());
        let env: Vec<(String, String)> = [
            ("SLIPSTREAM_EMBEDDINGS__ENABLED", "true".to_owned()),
            ("SLIPSTREAM_EMBEDDINGS__MODEL_DIR", model),
            ("SLIPSTREAM_SEMANTIC__ENABLED", "true".to_owned()),
            ("SLIPSTREAM_RAG__ENABLED", "true".to_owned()),
            ("SLIPSTREAM_RAG__LISTEN", format!("127.0.0.1:{port}")),
            ("SLIPSTREAM_RAG__TOKEN", TOKEN.to_owned()),
            ("SLIPSTREAM_RAG__CORPUS_DIR", dir.path().join("corpus").display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let mut ingest = Command::new(artifacts::companion()?);
        ingest.args(["rag", "ingest"]).arg(workspace_root().join("docs")).env_clear();
        output(ingest.envs(env.iter().map(|(name, value)| (name, value))))?;
        let companion = Companion::start(&CompanionOptions { env, ..CompanionOptions::default() })?;
        Ok(Documentation { _companion: companion, port, _dir: dir })
    }
}

fn options(redis: &Redis) -> CompanionOptions {
    let env = vec![
        ("REDIS_HOST".to_owned(), "127.0.0.1".to_owned()),
        ("REDIS_PORT".to_owned(), redis.port().to_string()),
    ];
    CompanionOptions { env, port: Some(ports::free()), ..CompanionOptions::default() }
}

fn front_proxy(
    port: u16,
    metrics: u16,
    apis: u16,
    documentation: u16,
    companions: &[CompanionOptions],
) -> Result<String> {
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
        ("{ address: documentation, port_value: 8910 }", address(documentation)),
        ("Bearer ${SLIPSTREAM_TOKEN}", format!("Bearer {TOKEN}")),
        (ENDPOINT, endpoints),
        ("/opt/slipstream/filters/", filters),
        // The companions are on loopback, and have none.
        ("                              token: ${SLIPSTREAM_TOKEN}\n", String::new()),
    ];
    let pieces: Vec<(&str, &str)> = pieces.iter().map(|(old, new)| (*old, new.as_str())).collect();
    render(&template, &pieces).with_context(|| format!("cannot render {}", path.display()))
}
