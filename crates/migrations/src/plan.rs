//! What is applied, what is not, and what would be.

use serde::Serialize;
use tokio_postgres::Client;

use crate::ledger::{Entry, Outcome};
use crate::{Blocks, Error, Finding, Lock, Migration, Requirement, Series, Target};

/// How a migration stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum State {
    /// The database has it.
    Applied,
    /// The database has it, but its file was changed since.
    Edited,
    /// It is to be applied.
    Pending,
    /// It began, or was being taken back, and what became of it is not known; or it failed. It is to be applied.
    Interrupted(String),
    /// It is not applied, because the server lacks something.
    NotInForce(String),
    /// It belongs to a set that was not chosen.
    NotChosen(String),
}

impl State {
    /// Whether `up` would apply it.
    pub fn is_due(&self) -> bool {
        matches!(self, Self::Pending | Self::Interrupted(_))
    }
}

/// A migration and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
    /// What the database knows of it.
    pub entry: Option<Entry>,
}

/// How a database stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The database's target.
    pub target: Target,
    /// Each migration of the series.
    pub migrations: Vec<Condition>,
    /// What the database has that the series does not: a newer version applied it.
    pub unknown: Vec<Entry>,
}

impl Status {
    pub(crate) fn new(
        target: Target,
        series: &Series,
        mut entries: Vec<Entry>,
        unmet: &[(Requirement, String)],
        sets: &[String],
    ) -> Self {
        let migrations = series
            .migrations()
            .iter()
            .map(|migration| {
                let place = entries.iter().position(|entry| entry.number == migration.number);
                let entry = place.map(|place| entries.remove(place));
                let state = state(migration, entry.as_ref(), unmet, sets);
                Condition { number: migration.number, name: migration.name.clone(), state, entry }
            })
            .collect();
        Self { target, migrations, unknown: entries }
    }

    /// Whether there is nothing to do and nothing wrong.
    pub fn is_current(&self) -> bool {
        self.migrations.iter().all(|condition| !condition.state.is_due() && condition.state != State::Edited)
    }

    /// How many migrations `up` would apply.
    pub fn due(&self) -> usize {
        self.migrations.iter().filter(|condition| condition.state.is_due()).count()
    }

    /// The highest number that is applied; 0: none is.
    pub fn version(&self) -> u32 {
        let applied = self
            .migrations
            .iter()
            .filter(|condition| matches!(condition.state, State::Applied | State::Edited));
        let unknown =
            self.unknown.iter().filter(|entry| entry.outcome.is_applied()).map(|entry| entry.number);
        applied.map(|condition| condition.number).chain(unknown).max().unwrap_or(0)
    }

    /// The migrations that were edited after they ran, as an error.
    pub(crate) fn refuse_edited(&self, series: &Series) -> Result<(), Error> {
        let edited = self.migrations.iter().filter(|condition| condition.state == State::Edited);
        let files: Vec<String> = edited
            .filter_map(|condition| series.get(condition.number))
            .map(|migration| migration.file.clone())
            .collect();
        if files.is_empty() { Ok(()) } else { Err(Error::Edited { files }) }
    }
}

fn state(
    migration: &Migration,
    entry: Option<&Entry>,
    unmet: &[(Requirement, String)],
    sets: &[String],
) -> State {
    if let Some(entry) = entry.filter(|entry| entry.outcome.is_applied()) {
        return if entry.checksum == migration.checksum { State::Applied } else { State::Edited };
    }
    // What an interrupted one has left behind is seen to, even if its set is no longer chosen.
    let began = entry.is_some_and(|entry| entry.outcome != Outcome::Failed);
    if let (Some(set), false) = (&migration.set, began)
        && !sets.contains(set)
    {
        return State::NotChosen(set.clone());
    }
    let why: Vec<&str> = unmet
        .iter()
        .filter(|(requirement, _)| migration.requires.contains(requirement))
        .map(|(_, why)| why.as_str())
        .collect();
    if !why.is_empty() {
        return State::NotInForce(why.join("; "));
    }
    match entry {
        None => State::Pending,
        Some(entry) => State::Interrupted(match (entry.outcome, &entry.detail) {
            (Outcome::Failed, Some(detail)) => format!("failed: {detail}"),
            (Outcome::Failed, None) => "failed".to_owned(),
            (Outcome::Reverting, _) => "was being taken back and did not come to an end".to_owned(),
            _ => "began and did not come to an end".to_owned(),
        }),
    }
}

/// The requirements that the server does not meet, and why.
pub(crate) async fn unmet(client: &Client, series: &Series) -> Result<Vec<(Requirement, String)>, Error> {
    let mut unmet: Vec<(Requirement, String)> = Vec::new();
    let mut asked: Vec<&Requirement> = Vec::new();
    for requirement in series.migrations().iter().flat_map(|migration| &migration.requires) {
        if !asked.contains(&requirement) {
            asked.push(requirement);
            if let Some(why) = requirement.unmet(client).await? {
                unmet.push((requirement.clone(), why));
            }
        }
    }
    Ok(unmet)
}

/// A migration that would be applied: whom it holds up, and what is dangerous in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether it runs in one transaction.
    pub transactional: bool,
    /// Its statements' beginnings, and the locks they take.
    pub locks: Vec<(String, Lock)>,
    /// What the linter found.
    pub findings: Vec<Finding>,
}

impl Planned {
    /// What is known of a migration without running it.
    pub fn of(migration: &Migration) -> Self {
        let mut made = Vec::new();
        let mut locks = Vec::new();
        for statement in &migration.up.statements {
            locks.push((statement.first_words(), statement.lock(&made)));
            made.extend(statement.made_table().map(str::to_owned));
        }
        Self {
            number: migration.number,
            name: migration.name.clone(),
            transactional: migration.transactional,
            locks,
            findings: migration.lint(),
        }
    }

    /// The worst of its locks.
    pub fn blocks(&self) -> Blocks {
        self.locks.iter().map(|(_, lock)| lock.blocks).max().unwrap_or(Blocks::Nothing)
    }
}
