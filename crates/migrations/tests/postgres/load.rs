//! Clients that read and write items one after the other, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use migrations::{Endpoint, connect};
use tokio::task::JoinHandle;

/// By this name the server knows the clients.
pub const NAME: &str = "load";
const CLIENTS: u64 = 4;
/// Items that are read and updated; of these the table has at least so many.
const ITEMS: u64 = 5_000;
/// Of each client the slowest statements are kept.
const KEPT: usize = 20;

/// A statement, and when it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub what: &'static str,
    /// The server's process that it was asked of.
    pub process: i32,
    pub began: Instant,
    pub took: Duration,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub statements: u64,
    pub failed: u64,
    /// The slowest first.
    pub slowest: Vec<Asked>,
}

impl Seen {
    /// How long the slowest took, in milliseconds.
    pub fn longest(&self) -> f64 {
        self.slowest.first().map_or(0.0, |asked| asked.took.as_secs_f64() * 1e3)
    }

    fn take(&mut self, asked: Asked) {
        let place = self.slowest.partition_point(|other| other.took >= asked.took);
        if place < KEPT {
            self.slowest.insert(place, asked);
            self.slowest.truncate(KEPT);
        }
    }
}

/// Clients that are at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Seen>>,
}

impl Load {
    pub fn start(endpoint: &Endpoint) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clients = (1..=CLIENTS)
            .map(|seed| tokio::spawn(ask(endpoint.clone(), seed, Arc::clone(&stop), Arc::clone(&asked))))
            .collect();
        Self { stop, asked, clients }
    }

    /// How many statements have been answered so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    pub async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for client in self.clients {
            let seen = client.await.unwrap();
            all.statements += seen.statements;
            all.failed += seen.failed;
            seen.slowest.into_iter().for_each(|asked| all.take(asked));
        }
        all
    }
}

async fn ask(endpoint: Endpoint, seed: u64, stop: Arc<AtomicBool>, asked: Arc<AtomicU64>) -> Seen {
    let client = connect(&endpoint, NAME).await.unwrap();
    let process = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let (mut seen, mut number) = (Seen::default(), seed);
    while !stop.load(Ordering::Relaxed) {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = i64::try_from((number >> 33) % ITEMS).unwrap() + 1;
        let began = Instant::now();
        let (what, done) = match number >> 62 {
            0 => {
                let sql = "INSERT INTO workspace.workspace_items (title, description, category, status, priority, tags) \
                           VALUES ('a title', 'a description', 'data', 'new', 'high', '{api,cost}')";
                ("INSERT", client.execute(sql, &[]).await)
            }
            1 => {
                let sql = "UPDATE workspace.workspace_items SET updated_at = now() WHERE id = $1";
                ("UPDATE", client.execute(sql, &[&id]).await)
            }
            _ => {
                let sql = "SELECT * FROM workspace.workspace_items WHERE id = $1";
                ("SELECT", client.execute(sql, &[&id]).await)
            }
        };
        seen.take(Asked { what, process, began, took: began.elapsed() });
        seen.statements += 1;
        seen.failed += u64::from(done.is_err());
        asked.fetch_add(1, Ordering::Relaxed);
    }
    seen
}
