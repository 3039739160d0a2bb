//! Real parts for the tests: a companion on a free port, and a Redis server.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses its own share"
)]

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_protocol::{Entry, InvalidationAck, LogPage, names};
use hyper::{Method, Response, StatusCode};
use invalidation::Position;
use slipstream::client::Client;
use slipstream::config::{Address, Config};
use slipstream::server::Server;
use testbed::RedisCluster;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Shared by the tests of a file, for it takes seconds to form; each has its own prefix.
static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start().unwrap());

/// A test on each of the stores.
#[allow(unused_macros, reason = "each test uses its own share")]
macro_rules! on_all_stores {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::common::Companion::start(|_| {}).await).await;
            })*
        }
        mod one_server {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let redis = super::common::Redis::start(&[]);
                super::$name(super::common::Companion::on(&redis).await).await;
            })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::common::Companion::on_the_cluster(stringify!($name)).await).await;
            })*
        }
    };
}

/// A companion that runs in the test's own process until it is dropped or stopped.
pub struct Companion {
    pub client: Client,
    pub url: String,
    /// Where connections are encrypted, if they are anywhere.
    pub encrypted: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Companion {
    /// One with the defaults, but for a free port and what `change` does.
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
        change(&mut config);
        let token = config.token.reveal().to_owned();
        let server = Server::bind(config).await.unwrap();
        let url = format!("http://{}", server.address());
        let encrypted = server.encrypted_address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            server.run(async { drop(stopped.await) }).await.unwrap();
        });
        Self { client: Client::new(&url, &token).unwrap(), url, encrypted, stop: Some(stop), running }
    }

    /// One whose store is this Redis, once it is ready.
    pub async fn on(redis: &Redis) -> Self {
        let companion = Self::start(|config| redis.configure(config)).await;
        companion.wait_ready().await;
        companion
    }

    /// One whose store is the cluster, as far as its names have this prefix.
    pub async fn on_the_cluster(prefix: &str) -> Self {
        let companion = Self::start(|config| {
            config.redis.cluster_nodes = addresses(&CLUSTER.addresses());
            config.redis.key_prefix = prefix.to_owned();
            config.redis.timeout_ms = 2_000;
        })
        .await;
        companion.wait_ready().await;
        companion
    }

    pub async fn wait_ready(&self) {
        within(Duration::from_secs(5), "the companion is ready", async || {
            self.status("/readyz").await == 200
        })
        .await;
    }

    /// What `/readyz` says.
    pub async fn readiness(&self) -> String {
        String::from_utf8(self.get(names::READY_PATH).await.body().to_vec()).unwrap()
    }

    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.running.await.unwrap();
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        self.client.send(method, path, headers, body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response<Bytes> {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    pub async fn raw_lookup(&self, key: &str) -> Response<Bytes> {
        self.send(Method::GET, names::RESPONSES_PATH, &[(names::KEY_HEADER, key)], "").await
    }

    /// The position, and the entry if there is one.
    pub async fn lookup(&self, key: &str) -> (Position, Option<Entry>) {
        let answer = self.raw_lookup(key).await;
        let position = answer.headers()[names::POSITION_HEADER].to_str().unwrap().parse().unwrap();
        match answer.status() {
            StatusCode::OK => (position, Some(Entry::decode(answer.body()).unwrap())),
            StatusCode::NOT_FOUND => (position, None),
            status => panic!("{status}: {:?}", answer.body()),
        }
    }

    pub async fn has(&self, key: &str) -> bool {
        self.lookup(key).await.1.is_some()
    }

    pub async fn put(&self, key: &str, ttl_ms: &str, envelope: impl Into<Bytes>) -> Response<Bytes> {
        let headers = [(names::KEY_HEADER, key), (names::TTL_HEADER, ttl_ms)];
        self.send(Method::PUT, names::RESPONSES_PATH, &headers, envelope).await
    }

    /// Looks up, as a filter does before it asks the service, and stores.
    pub async fn fill(&self, key: &str, tags: &[&str]) -> Entry {
        let (position, _) = self.lookup(key).await;
        let entry = entry(key, position, tags);
        assert_eq!(self.put(key, "60000", entry.encode()).await.status(), 204);
        entry
    }

    pub async fn try_purge(&self, request: &str) -> Response<Bytes> {
        self.send(Method::POST, names::INVALIDATIONS_PATH, &[], request.to_owned()).await
    }

    pub async fn purge(&self, request: &str) -> InvalidationAck {
        let answer = self.try_purge(request).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub async fn poll(&self, follower: &str, after: Option<Position>, wait_ms: u64) -> LogPage {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let path = format!("{}?follower={follower}{after}&wait_ms={wait_ms}", names::INVALIDATIONS_PATH);
        let answer = self.get(&path).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub async fn metric(&self, line: &str) -> f64 {
        let text = String::from_utf8(self.get(names::METRICS_PATH).await.body().to_vec()).unwrap();
        let found = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("no {line} in\n{text}"))
    }
}

pub fn entry(key: &str, position: Position, tags: &[&str]) -> Entry {
    Entry {
        key: key.to_owned(),
        position,
        response_time_ms: 1_700_000_000_000,
        initial_age_ms: 0,
        freshness_lifetime_ms: 300_000,
        status: 200,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        headers: vec![(b"content-type".to_vec(), b"application/json".to_vec())],
        body: format!("{{\"of\":\"{key}\"}}").into_bytes(),
    }
}

/// Waits until `condition` holds.
pub async fn within(limit: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// `127.0.0.1:PORT` of each of these servers, as settings have them.
pub fn addresses(addresses: &[String]) -> Vec<Address> {
    addresses.iter().map(|address| Address::parse(address).unwrap()).collect()
}

/// A Redis server of the test's own; killed when dropped.
pub struct Redis {
    pub port: u16,
    arguments: Vec<String>,
    directory: tempfile::TempDir,
    process: Option<Child>,
}

impl Redis {
    pub fn start(arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut redis = Self {
            port,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            directory: tempfile::tempdir().unwrap(),
            process: None,
        };
        redis.resume();
        redis
    }

    pub fn configure(&self, config: &mut Config) {
        config.redis.host = "127.0.0.1".to_owned();
        config.redis.port = self.port;
        // Tests run in parallel on what may be a busy machine.
        config.redis.timeout_ms = 1_000;
    }

    /// Stops the server as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts the server again, on the same port and in the same directory.
    pub fn resume(&mut self) {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            .arg("--dir")
            .arg(self.directory.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts (Debian package redis-server)");
        self.process = Some(process);
        let start = Instant::now();
        // Connecting is enough: a server with a password refuses a command without one.
        while self.try_command(&["PING"]).is_err_and(|error| error.is_io_error()) {
            assert!(start.elapsed() < Duration::from_secs(5), "redis-server answers");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal such as `STOP` to the server.
    pub fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    pub fn command(&self, command: &[&str]) -> redis::Value {
        self.try_command(command).unwrap()
    }

    fn try_command(&self, command: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(("127.0.0.1", self.port))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        let (name, arguments) = command.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
