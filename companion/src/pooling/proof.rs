//! Whether the way that queries take through PgBouncer is right: shown by asking, once the companion runs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use pooled_postgres::probe::{Findings, Plan, cross_talk};
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{Target, client_tls, targets};
use crate::config::{Config, Pooling};

/// How long to wait before what is not proven is tried again: somebody may mend PgBouncer meanwhile.
const RETRY: Duration = Duration::from_secs(60);
/// How long a client waits for its connection and for each answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// As many clients as the pool has connections could have one each, and nothing to mix up. Not more than this at once.
const MAX_CLIENTS: u32 = 200;

/// How it stands with one database.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// Every client got its own answers.
    Right(String),
    /// Clients got others' answers without an error.
    Mixes(String),
    /// Queries failed, which their clients at least know.
    Unknown(String),
}

/// What is known of the pooled way to each database.
#[derive(Debug)]
pub(crate) struct Proof {
    verdicts: Mutex<BTreeMap<String, Verdict>>,
    answers: IntCounterVec,
    is_right: IntGaugeVec,
}

impl Proof {
    /// Nothing is proven yet. None if no queries go through PgBouncer, or nobody wants to know.
    pub(crate) fn new(config: &Config, registry: &Registry) -> Result<Option<Self>, prometheus::Error> {
        let has_database = config.workspace.is_configured() || config.tp_capital.is_configured();
        if !config.pooling.use_pgbouncer || config.pooling.probe_queries == 0 || !has_database {
            return Ok(None);
        }
        let answers = IntCounterVec::new(
            Opts::new(
                "slipstream_pooling_probe_answers_total",
                "Answers to the queries that show whether pooling mixes rows up, by outcome.",
            ),
            &["database", "outcome"],
        )?;
        let is_right = IntGaugeVec::new(
            Opts::new(
                "slipstream_pooling_right",
                "1 if every client got its own answers through PgBouncer, 0 if some got others'.",
            ),
            &["database", "mode"],
        )?;
        registry.register(Box::new(answers.clone()))?;
        registry.register(Box::new(is_right.clone()))?;
        Ok(Some(Self { verdicts: Mutex::default(), answers, is_right }))
    }

    /// How it stands with each database, in a line that says its name; and whether one mixes rows up.
    pub(crate) fn lines(&self) -> (Vec<String>, bool) {
        let Ok(verdicts) = self.verdicts.lock() else { return (Vec::new(), false) };
        let line = |(name, verdict): (&String, &Verdict)| {
            let (Verdict::Right(text) | Verdict::Mixes(text) | Verdict::Unknown(text)) = verdict;
            format!("pooling of {name}: {text}")
        };
        let mixes = verdicts.values().any(|verdict| matches!(verdict, Verdict::Mixes(_)));
        (verdicts.iter().map(line).collect(), mixes)
    }

    /// Asks until every database is proven to be right.
    pub(crate) async fn find(&self, config: &Config) {
        let targets = match targets(config) {
            Ok(targets) => targets,
            Err(error) => {
                tracing::warn!(%error, "cannot tell whether pooling is right");
                return;
            }
        };
        let mut left = targets;
        while !left.is_empty() {
            let mut unproven = Vec::new();
            for target in left {
                let verdict = self.ask(config, &target).await;
                if !matches!(verdict, Verdict::Right(_)) {
                    unproven.push(target.clone());
                }
                self.keep(&target.name, verdict);
            }
            left = unproven;
            if !left.is_empty() {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    async fn ask(&self, config: &Config, target: &Target) -> Verdict {
        let pooling = &config.pooling;
        let way = pooling.pooler();
        let connection = match way.config(&target.endpoint.url) {
            Ok(connection) => connection,
            Err(error) => return Verdict::Unknown(format!("cannot be told: {}: {error}", target.path)),
        };
        let tls = match client_tls(pooling) {
            Ok(tls) => tls,
            Err(error) => return Verdict::Unknown(format!("cannot be told: {error:#}")),
        };
        let findings = cross_talk(&connection, &tls, plan(pooling)).await;
        for (outcome, times) in
            [("right", findings.right), ("wrong", findings.wrong), ("failed", findings.failed)]
        {
            self.answers.with_label_values(&[target.name.as_str(), outcome]).inc_by(times);
        }
        let mode = pooling.client_mode;
        let labels = [target.name.as_str(), mode.as_str()];
        let Findings { right, wrong, failed, example, errors, .. } = findings;
        let asked = right + wrong + failed;
        if wrong > 0 {
            self.is_right.with_label_values(&labels).set(0);
            return Verdict::Mixes(format!(
                "{wrong} of {asked} answers were another query's, without an error ({}): client_mode {mode} is not right {way}; \
                 use \"typed\" or \"simple\", or see `slipstream pooling check`",
                example.unwrap_or_default()
            ));
        }
        if failed > 0 {
            let (error, _) = errors.into_iter().next().unwrap_or_default();
            return Verdict::Unknown(format!(
                "cannot be told: {failed} of {asked} queries {way} failed: {error}"
            ));
        }
        self.is_right.with_label_values(&labels).set(1);
        Verdict::Right(format!("client_mode {mode} is right {way}, {right} queries got their own answers"))
    }

    fn keep(&self, name: &str, verdict: Verdict) {
        let Ok(mut verdicts) = self.verdicts.lock() else { return };
        let before = verdicts.insert(name.to_owned(), verdict.clone());
        if before.as_ref() == Some(&verdict) {
            return;
        }
        match verdict {
            Verdict::Right(text) => tracing::info!(database = name, "pooling: {text}"),
            Verdict::Mixes(text) => tracing::error!(database = name, "pooling mixes rows up: {text}"),
            Verdict::Unknown(text) => tracing::warn!(database = name, "pooling: {text}"),
        }
    }
}

fn plan(pooling: &Pooling) -> Plan {
    let connections = pooling.default_pool_size.saturating_add(pooling.reserve_pool_size);
    let clients = connections.saturating_mul(2).min(pooling.max_client_conn).clamp(2, MAX_CLIENTS);
    let queries = pooling.probe_queries;
    Plan {
        mode: pooling.client_mode,
        clients: clients.min(queries),
        queries,
        in_flight: 1,
        patience: PATIENCE,
    }
}
