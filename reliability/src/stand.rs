//! Two Envoys that share a companion and its Redis, and proxies between them that can be told to misbehave.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use testbed::{
    Companion, CompanionOptions, EnvoyOptions, FrontProxy, Namespace, Origin, Redis, RedisCluster,
    RedisOptions, RedisSentinels, Relay, ports,
};

use crate::catalogue::Catalogue;
use crate::items::{Database, Items};
use crate::load::Targets;
use crate::rows::{Clocks, SmallDisk};
use crate::truth::Truth;

/// What the shipped configuration says of the companion's protocol.
const HTTP_2: &str = "http2_protocol_options:
              # Notices a companion whose machine has gone without a word.
              connection_keepalive: { interval: 5s, timeout: 2s }";
/// What filters and clients must know to ask the companion.
pub(crate) const TOKEN: &str = "the-token-of-a-stand";
/// Where a filter is told it.
const TOKEN_AT: &str = "# token: what the companion's setting `token` says, if it has one";
/// The line before which routes are put.
const FIRST_ROUTE: &str = "                        - name: items-write\n";
/// A route past the cache, to see what the service and Envoy take by themselves.
const PLAIN: &str = "                        - { name: plain, match: { prefix: /plain }, route: { cluster: workspace }, \
                     metadata: { filter_metadata: { slipstream.response-cache: { enabled: false } } } }\n";

/// What kind of stand a fault needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One Redis.
    Usual,
    /// The companion speaks HTTP/2 with the first Envoy, and HTTP/1.1 with the second.
    BothProtocols,
    /// A master and a replica with sentinels.
    Sentinels,
    /// Three masters with replicas.
    Cluster,
    /// A Redis that keeps an append-only file on a small file system. Needs root.
    SmallDisk,
    /// The companion is on a host of its own, whose cable can be pulled. Needs root.
    OwnHost,
    /// The clocks of the companion and of the first Envoy can be moved.
    Clocks,
    /// The first Envoy can be restarted without a gap.
    HotRestart,
    /// The filter response-cache of the first Envoy dies by each five-hundredth request.
    Mortal,
    /// The service is the demo's API on PostgreSQL behind PgBouncer, with a query cache.
    Database,
}

impl Kind {
    /// Whether it is as good as new after a fault has been healed.
    pub fn recovers(self) -> bool {
        !matches!(self, Kind::Sentinels | Kind::Cluster | Kind::Mortal)
    }
}

/// Where the log of invalidations is.
pub(crate) enum Store {
    One(Box<Redis>),
    Sentinels(RedisSentinels),
    Cluster(RedisCluster),
}

/// All of it, running. Fields drop in order: what asks stops before what answers.
pub struct Stand {
    pub(crate) envoys: [FrontProxy; 2],
    pub(crate) companion: Companion,
    companion_options: CompanionOptions,
    /// Between each Envoy and the companion.
    pub(crate) to_companion: [Relay; 2],
    /// Between the companion and its one Redis.
    pub(crate) to_redis: Relay,
    pub(crate) store: Store,
    pub(crate) extras: Extras,
    pub(crate) service: Service,
    pub(crate) truth: Arc<dyn Truth>,
}

/// What is behind the Envoys.
pub(crate) enum Service {
    Catalogue(Origin),
    Database(Box<Database>),
}

impl Service {
    fn port(&self) -> u16 {
        match self {
            Service::Catalogue(origin) => origin.port(),
            Service::Database(database) => database.demo.port(),
        }
    }
}

/// What only some kinds have.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) small_disk: Option<SmallDisk>,
    pub(crate) clocks: Option<Clocks>,
    pub(crate) companion_host: Option<Namespace>,
    /// The trapped filter.
    _mortal: Option<tempfile::TempDir>,
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stand").finish_non_exhaustive()
    }
}

impl Stand {
    /// Starts everything.
    pub fn start(kind: Kind) -> Result<Stand> {
        let mut extras = Extras::default();
        if kind == Kind::Clocks {
            extras.clocks = Some(Clocks::new()?);
        }
        let store = store(kind, &mut extras).context("Redis")?;
        let (service, truth) = service(kind, &store).context("the service")?;
        if kind == Kind::OwnHost {
            extras.companion_host = Some(Namespace::start()?);
        }
        let host = extras.companion_host.as_ref();
        let redis = match &store {
            Store::One(redis) => redis.port(),
            // Those are found by what sentinels and nodes say, so nothing goes this way.
            Store::Sentinels(_) | Store::Cluster(_) => 1,
        };
        let own = host.map_or(Ipv4Addr::LOCALHOST, Namespace::gateway);
        let to_redis = Relay::between(own, (Ipv4Addr::LOCALHOST, redis).into())?;
        let port = ports::free();
        let mut companion_env = redis_settings(&store, &to_redis);
        companion_env.push(("SLIPSTREAM_TOKEN".to_owned(), TOKEN.to_owned()));
        companion_env.extend(extras.clocks.iter().flat_map(|clocks| clocks.companion.env()));
        if let Service::Database(database) = &service {
            companion_env.extend(database.companion_env());
        }
        let companion_options = CompanionOptions {
            env: companion_env,
            port: Some(port),
            host: host.map(|host| (host.network(), host.address())),
            ..CompanionOptions::default()
        };
        let companion = Companion::start(&companion_options).context("the companion")?;
        let companion_at = SocketAddr::from((host.map_or(Ipv4Addr::LOCALHOST, Namespace::address), port));
        let relay = || Relay::between(Ipv4Addr::LOCALHOST, companion_at);
        let to_companion = [relay()?, relay()?];

        let mortal = match kind {
            Kind::Mortal => Some(mortal_filter()?),
            _ => None,
        };
        let envoy = |number: usize| {
            let mut edits =
                vec![(FIRST_ROUTE, format!("{PLAIN}{FIRST_ROUTE}")), (TOKEN_AT, format!("token: {TOKEN}"))];
            if kind == Kind::BothProtocols && number == 1 {
                edits.push((HTTP_2, "http_protocol_options: {}".to_owned()));
            }
            let relayed = format!("address: 127.0.0.1, port_value: {}", to_companion[number].port());
            if kind == Kind::OwnHost {
                edits.push((&relayed, format!("address: {}, port_value: {port}", companion_at.ip())));
            }
            let shipped = testbed::artifacts::filter("response-cache")?.display().to_string();
            if let Some(dir) = &mortal
                && number == 0
            {
                edits.push((&shipped, file(dir.path())));
            }
            let edits: Vec<(&str, &str)> = edits.iter().map(|(old, new)| (*old, new.as_str())).collect();
            let options = EnvoyOptions {
                hot_restart: kind == Kind::HotRestart && number == 0,
                env: extras
                    .clocks
                    .iter()
                    .filter(|_| number == 0)
                    .flat_map(|clocks| clocks.envoy.env())
                    .collect(),
                ..EnvoyOptions::default()
            };
            FrontProxy::start_edited(service.port(), to_companion[number].port(), &options, &edits)
        };
        let envoys = [envoy(0).context("the first Envoy")?, envoy(1).context("the second Envoy")?];
        extras._mortal = mortal;
        let stand = Stand {
            envoys,
            companion,
            companion_options,
            to_companion,
            to_redis,
            store,
            extras,
            service,
            truth,
        };
        Ok(stand)
    }

    pub(crate) fn targets(&self, path: &'static str) -> Targets {
        Targets {
            envoys: [self.envoys[0].port(), self.envoys[1].port()],
            companion: self.companion.address(),
            path,
        }
    }

    /// The one Redis.
    pub(crate) fn redis(&mut self) -> Result<&mut Redis> {
        match &mut self.store {
            Store::One(redis) => Ok(redis),
            Store::Sentinels(_) | Store::Cluster(_) => bail!("there is more than one Redis"),
        }
    }

    /// Whether pages are also to be had past the cache.
    pub(crate) fn has_plain_pages(&self) -> bool {
        matches!(self.service, Service::Catalogue(_))
    }

    /// The database.
    pub(crate) fn database(&mut self) -> Result<&mut Database> {
        match &mut self.service {
            Service::Database(database) => Ok(database),
            Service::Catalogue(_) => bail!("there is no database"),
        }
    }

    /// Starts a companion where the last one was, which must have ended.
    pub(crate) fn start_companion(&mut self) -> Result<()> {
        self.companion = Companion::start(&self.companion_options)?;
        Ok(())
    }

    /// The processes of both Envoys, the companion and the one Redis.
    pub(crate) fn pids(&mut self) -> Result<[u32; 4]> {
        let redis = self.redis()?.pid().context("Redis does not run")?;
        let [first, second] = [0, 1].map(|number: usize| self.envoys[number].envoy.pid());
        Ok([first, second, self.companion.pid(), redis])
    }

    /// Has the service forget what it was asked.
    pub(crate) fn forget(&self) {
        if let Service::Catalogue(origin) = &self.service {
            origin.forget();
        }
    }

    /// Writes that the Envoys have let through before the companion had acknowledged their invalidation.
    pub(crate) fn undelivered(&self) -> Result<u64> {
        let mut sum = 0.0;
        for envoy in &self.envoys {
            let text = envoy.envoy.stats_prometheus()?;
            let lines = text.lines().filter(|line| line.starts_with("slipstream_cache_invalidations_total{"));
            let lines = lines.filter(|line| line.contains("outcome=\"undelivered\""));
            sum += lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
        }
        Ok(sum as u64)
    }

    /// What the Envoys' logs say of filters that died.
    pub fn deaths(&self) -> usize {
        let log = |envoy: &FrontProxy| envoy.envoy.log();
        let died = |line: &&str| line.contains("Function: proxy_on") && line.contains("failed");
        self.envoys.iter().map(|envoy| log(envoy).lines().filter(died).count()).sum()
    }
}

fn service(kind: Kind, store: &Store) -> Result<(Service, Arc<dyn Truth>)> {
    if let (Kind::Database, Store::One(redis)) = (kind, store) {
        return Ok((Service::Database(Box::new(Database::start(redis)?)), Arc::new(Items)));
    }
    let catalogue = Arc::new(Catalogue::default());
    let for_origin = Arc::clone(&catalogue);
    let origin = Origin::start(move |question| for_origin.answer(question))?;
    Ok((Service::Catalogue(origin), catalogue))
}

fn store(kind: Kind, extras: &mut Extras) -> Result<Store> {
    let one = |args: &[&str], append_only| {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Redis::start(RedisOptions { args, append_only, ..RedisOptions::default() })
            .map(Box::new)
            .map(Store::One)
    };
    match kind {
        Kind::Sentinels => RedisSentinels::start().map(Store::Sentinels),
        Kind::Cluster => RedisCluster::start().map(Store::Cluster),
        Kind::SmallDisk => {
            let disk = SmallDisk::mount()?;
            let folder = disk.path().display().to_string();
            extras.small_disk = Some(disk);
            one(&["--dir", &folder], true)
        }
        _ => one(&[], false),
    }
}

fn redis_settings(store: &Store, relay: &Relay) -> Vec<(String, String)> {
    let settings = match store {
        Store::One(_) => {
            vec![("REDIS_HOST", relay.address().ip().to_string()), ("REDIS_PORT", relay.port().to_string())]
        }
        Store::Sentinels(sentinels) => {
            vec![("SLIPSTREAM_REDIS__SENTINELS", sentinels.addresses().join(","))]
        }
        Store::Cluster(cluster) => {
            vec![("SLIPSTREAM_REDIS__CLUSTER_NODES", cluster.addresses().join(","))]
        }
    };
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn mortal_filter() -> Result<tempfile::TempDir> {
    let dir = testbed::temp_dir("mortal")?;
    let wasm = std::fs::read(testbed::artifacts::filter("response-cache")?)?;
    std::fs::write(file(dir.path()), crate::trap::after_requests(&wasm, 500)?)?;
    Ok(dir)
}

fn file(dir: &Path) -> String {
    dir.join("response-cache.wasm").display().to_string()
}
