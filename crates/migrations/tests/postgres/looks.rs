//! What the sessions of a load did: looked at some hundred times a second, so that a statement that took long can be told to have waited
//! for a lock, for the disk, or for a processor.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use migrations::{Endpoint, connect};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::load::{Asked, NAME};

const INTERVAL: Duration = Duration::from_millis(10);

/// What was seen at one moment.
struct Look {
    at: Instant,
    /// By process, what those were doing that had a statement: `running`, or what they waited for.
    doing: BTreeMap<i32, String>,
    /// By process, how long it ran and how long it waited for a processor so far, in nanoseconds.
    spent: BTreeMap<i32, [u64; 2]>,
}

/// Looks until it is stopped.
pub struct Looks(JoinHandle<Looked>);

/// All that was seen.
pub struct Looked(Vec<Look>);

impl Looks {
    /// Looks from another database than the load's: an index build waits for whoever has a snapshot in its own.
    pub async fn start(other_database: &Endpoint, stop: tokio::sync::watch::Receiver<bool>) -> Self {
        let client = connect(other_database, "looks").await.unwrap();
        Self(tokio::spawn(async move {
            let mut looks = Vec::new();
            while !*stop.borrow() {
                looks.push(look(&client).await);
                tokio::time::sleep(INTERVAL).await;
            }
            Looked(looks)
        }))
    }

    pub async fn stopped(self) -> Looked {
        self.0.await.unwrap()
    }
}

async fn look(client: &Client) -> Look {
    let sql = "SELECT pid, state, coalesce(wait_event_type || ' ' || wait_event, 'running') \
               FROM pg_stat_activity WHERE application_name = $1";
    let at = Instant::now();
    let rows = client.query(sql, &[&NAME]).await.unwrap();
    let mut look = Look { at, doing: BTreeMap::new(), spent: BTreeMap::new() };
    for row in rows {
        let process: i32 = row.get(0);
        if row.get::<_, Option<&str>>(1) == Some("active") {
            look.doing.insert(process, row.get(2));
        }
        look.spent.extend(spent(process).map(|spent| (process, spent)));
    }
    look
}

fn spent(process: i32) -> Option<[u64; 2]> {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat")).ok()?;
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    Some([numbers.next()?, numbers.next()?])
}

/// Where a statement's time went.
#[derive(Debug, Default)]
pub struct Account {
    /// How often it was seen doing what.
    pub doing: BTreeMap<String, u32>,
    /// For how long it waited for a processor, at most as long as it took.
    pub starved: Duration,
}

impl Account {
    /// In which share of the looks it did something whose name begins so.
    pub fn share(&self, beginning: &str) -> f64 {
        let all: u32 = self.doing.values().sum();
        let own = self.doing.iter().filter(|(what, _)| what.starts_with(beginning)).map(|(_, times)| times);
        f64::from(own.sum::<u32>()) / f64::from(all.max(1))
    }
}

impl Looked {
    pub fn account(&self, asked: &Asked) -> Account {
        let end = asked.began + asked.took;
        let during = self.0.iter().filter(|look| look.at >= asked.began && look.at <= end);
        let mut doing = BTreeMap::new();
        for look in during {
            let own = look.doing.get(&asked.process).map_or("not asked, or answered", String::as_str);
            *doing.entry(own.to_owned()).or_default() += 1;
        }
        let before = self.0.iter().rev().find(|look| look.at <= asked.began);
        let after = self.0.iter().find(|look| look.at >= end);
        let starved = |look: Option<&Look>| look?.spent.get(&asked.process).map(|[_, starved]| *starved);
        let starved = match (starved(before), starved(after)) {
            (Some(before), Some(after)) => Duration::from_nanos(after.saturating_sub(before)),
            _ => Duration::ZERO,
        };
        Account { doing, starved: starved.min(asked.took) }
    }
}
