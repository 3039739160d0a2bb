//! Whether clients get each other's answers: many queries at once that differ in a constant, every answer checked.

mod asker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_postgres::Config;

use crate::{ClientMode, Tls};
use asker::Asker;

/// How many different errors are told of.
const TOLD: usize = 5;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How the clients hand over their statements.
    pub mode: ClientMode,
    /// Clients that ask at the same time, each on a connection of its own.
    pub clients: u32,
    /// Queries in all.
    pub queries: u32,
    /// Queries that a client has under way at the same time (in mode `Split` always one).
    pub in_flight: u32,
    /// How long a client waits for its connection, and then for each answer.
    pub patience: Duration,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Answers that were the query's own.
    pub right: u64,
    /// Answers without an error that were another query's.
    pub wrong: u64,
    /// Queries that got an error, or no answer in time.
    pub failed: u64,
    /// A wrong answer, if there was one.
    pub example: Option<String>,
    /// The errors, and how often each came; the most frequent five.
    pub errors: Vec<(String, u64)>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Findings {
    /// Whether every query got its own answer.
    pub fn is_clean(&self) -> bool {
        self.wrong == 0 && self.failed == 0
    }
}

/// What one query comes to.
enum Answer {
    Right,
    Wrong(String),
    Failed(String),
}

/// Asks, and tells what came back. Nothing is written, and no table is read.
pub async fn cross_talk(config: &Config, tls: &Tls, plan: Plan) -> Findings {
    let start = Instant::now();
    // All are connected before one asks: a pooler serves one client after the other from one server connection, and
    // nothing could get mixed up.
    let barrier = Arc::new(Barrier::new(usize::try_from(plan.clients).unwrap_or(usize::MAX)));
    let mut clients = JoinSet::new();
    for client in 0..plan.clients {
        let own = plan.queries / plan.clients + u32::from(client < plan.queries % plan.clients);
        clients.spawn(ask_all(
            config.clone(),
            tls.clone(),
            plan,
            i64::from(client),
            own,
            Arc::clone(&barrier),
        ));
    }
    let mut findings = Findings::default();
    let mut errors = BTreeMap::<String, u64>::new();
    while let Some(answers) = clients.join_next().await {
        for (answer, times) in answers.unwrap_or_else(|error| vec![(Answer::Failed(error.to_string()), 1)]) {
            match answer {
                Answer::Right => findings.right += times,
                Answer::Wrong(example) => {
                    findings.wrong += times;
                    findings.example.get_or_insert(example);
                }
                Answer::Failed(reason) => {
                    findings.failed += times;
                    *errors.entry(reason).or_default() += times;
                }
            }
        }
    }
    findings.errors = errors.into_iter().collect();
    findings.errors.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    findings.errors.truncate(TOLD);
    findings.took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    findings
}

async fn ask_all(
    config: Config,
    tls: Tls,
    plan: Plan,
    client: i64,
    queries: u32,
    barrier: Arc<Barrier>,
) -> Vec<(Answer, u64)> {
    let connected = tokio::time::timeout(plan.patience, Asker::connect(&config, &tls, plan.mode)).await;
    barrier.wait().await;
    let asker = match connected {
        Ok(Ok(asker)) => Arc::new(asker),
        Ok(Err(reason)) => return vec![(Answer::Failed(reason), u64::from(queries))],
        Err(_) => return vec![(Answer::Failed("no connection in time".to_owned()), u64::from(queries))],
    };
    let mut answers = Vec::new();
    let mut asked = 0;
    while asked < queries {
        let mut under_way = JoinSet::new();
        for _ in 0..plan.in_flight.max(1).min(queries - asked) {
            let (asker, question) = (Arc::clone(&asker), client * i64::from(plan.queries) + i64::from(asked));
            under_way.spawn(async move {
                tokio::time::timeout(plan.patience, asker.ask(question))
                    .await
                    .unwrap_or_else(|_| Answer::Failed("no answer in time".to_owned()))
            });
            asked += 1;
        }
        while let Some(answer) = under_way.join_next().await {
            answers.push((answer.unwrap_or_else(|error| Answer::Failed(error.to_string())), 1));
        }
    }
    answers
}
