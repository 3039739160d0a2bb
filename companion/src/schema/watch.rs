//! How the schemas stand, looked at now and then while the companion serves.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use migrations::{Event, Expected, Migrator, Observer, Status, Target};

use super::{configured, connect};
use crate::config::Config;
use crate::metrics::{Metrics, SchemaState};

/// How long to wait before a failed application is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// What is known of each configured database's schema.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Mutex<BTreeMap<&'static str, (SchemaState, String)>>);

impl Schemas {
    /// How each database stands, in a line that says its name; and whether all have the schema they should have.
    pub(crate) fn lines(&self) -> (Vec<String>, bool) {
        let Ok(known) = self.0.lock() else { return (Vec::new(), true) };
        let lines = known.iter().map(|(name, (_, text))| format!("schema of {name}: {text}")).collect();
        (lines, known.values().all(|(state, _)| *state == SchemaState::Current))
    }

    fn set(&self, metrics: &Metrics, target: Target, state: SchemaState, text: String) {
        metrics.schema(target.name(), state);
        if let Ok(mut known) = self.0.lock() {
            let before = known.insert(target.name(), (state, text.clone()));
            if before.is_none_or(|(_, before)| before != text) {
                match state {
                    SchemaState::Current | SchemaState::Migrating | SchemaState::Unknown => {
                        tracing::info!(database = target.name(), "schema: {text}");
                    }
                    _ => tracing::warn!(database = target.name(), "schema: {text}"),
                }
            }
        }
    }

    /// Looks at all configured databases until it is dropped; applies what is due first, if the settings say so.
    pub(crate) async fn follow(&self, config: &Config, metrics: &Metrics) {
        let [workspace, tp_capital] = Target::ALL.map(|target| async move {
            if configured(config).contains(&target) {
                self.follow_one(config, metrics, target).await;
            }
        });
        tokio::join!(workspace, tp_capital);
    }

    async fn follow_one(&self, config: &Config, metrics: &Metrics, target: Target) {
        self.set(metrics, target, SchemaState::Unknown, "not looked at yet".to_owned());
        let mut applies = config.migrate.apply_on_start;
        while applies {
            self.set(metrics, target, SchemaState::Migrating, "being migrated".to_owned());
            match apply(config, target).await {
                Ok(()) => applies = false,
                Err(error) => {
                    self.set(metrics, target, SchemaState::Failed, format!("migration failed: {error}"));
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        let mut look = Look::default();
        loop {
            let (state, text) = match look.at(config, target).await {
                Ok(found) => found,
                Err(error) => {
                    look = Look::default();
                    (SchemaState::Unknown, format!("cannot be told: {error}"))
                }
            };
            self.set(metrics, target, state, text);
            tokio::time::sleep(config.migrate.check_interval()).await;
        }
    }
}

async fn apply(config: &Config, target: Target) -> Result<(), migrations::Error> {
    let observer = Observer::new(move |event| match event {
        Event::Applied { migration, took } => {
            tracing::info!(
                database = target.name(),
                migration,
                took_ms = took.as_millis(),
                "migration applied"
            );
        }
        Event::NotInForce { migration, why } => {
            tracing::warn!(database = target.name(), migration, why, "migration not in force");
        }
        Event::WaitingForOther { holder } => {
            tracing::info!(
                database = target.name(),
                holder,
                "another migrates this database; waiting for it"
            );
        }
        event => tracing::debug!(database = target.name(), ?event, "migrating"),
    });
    connect(config, target, observer).await?.up(None).await.map(drop)
}

/// A connection that is kept, and what the schema should be; that is found out anew only when something else is applied.
#[derive(Debug, Default)]
struct Look {
    migrator: Option<Migrator>,
    expected: Option<(Status, Expected)>,
}

impl Look {
    async fn at(
        &mut self,
        config: &Config,
        target: Target,
    ) -> Result<(SchemaState, String), migrations::Error> {
        let migrator = match self.migrator.take() {
            Some(migrator) => migrator,
            None => connect(config, target, Observer::silent()).await?,
        };
        let status = migrator.status().await?;
        let text = crate::cli::schema_summary(&status);
        let found = if status.is_current() {
            if self.expected.as_ref().is_none_or(|(known, _)| *known != status) {
                self.expected = Some((status, migrator.expected().await?));
            }
            let differences = match &self.expected {
                Some((_, expected)) => migrator.compare(expected).await?,
                None => Vec::new(),
            };
            match differences.first() {
                None => (SchemaState::Current, text),
                Some(first) => {
                    let count = differences.len();
                    let text = format!(
                        "{text}, but {count} differences from what the migrations make, among them {} {}: see `slipstream migrate drift`",
                        first.kind, first.name
                    );
                    (SchemaState::Drifted, text)
                }
            }
        } else {
            (SchemaState::Behind, text)
        };
        self.migrator = Some(migrator);
        Ok(found)
    }
}
