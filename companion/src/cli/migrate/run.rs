//! What each command does with one database.

use migrations::{Error, Migrator, Planned, Target};
use serde_json::json;

use super::show::{self, Answer};
use super::{Baseline, Down, Migrate, Repair, Report, Up, Verify, watch};
use crate::config::Config;
use crate::schema;

impl Migrate {
    pub(super) async fn on(&self, config: &Config, target: Target) -> Result<Answer, Error> {
        let migrator = schema::connect(config, target, watch::teller(target)).await?;
        match self {
            Self::Plan(_) | Self::Up(Up { dry_run: true, .. }) => plan(&migrator).await,
            Self::Up(Up { to, .. }) => {
                let applied = migrator.up(*to).await?;
                let status = migrator.status().await?;
                Ok(show::up(&applied, &status))
            }
            Self::Down(Down { to, dry_run: true, .. }) => {
                let labels: Vec<String> =
                    migrator.revertible(*to).await?.iter().map(|migration| migration.label()).collect();
                Ok(show::list(target, "would be taken back", &labels))
            }
            Self::Down(Down { to, lose_data, .. }) => {
                let reverted = migrator.down(*to, *lose_data).await?;
                Ok(show::list(target, "taken back", &labels(&migrator, &reverted)))
            }
            Self::Status(_) => Ok(show::status(&migrator.status().await?)),
            Self::Verify(Verify { run, .. }) => Ok(show::checks(target, &migrator.verify(*run).await?)),
            Self::Drift(_) => Ok(show::drift(target, &migrator.drift().await?)),
            Self::Repair(Repair { accept_edited, .. }) => {
                let done = migrator.repair(*accept_edited).await?;
                Ok(show::list(target, "repaired", &done))
            }
            Self::Baseline(Baseline { to, only, .. }) => {
                let number = to.or(*only).unwrap_or_default();
                let recorded = migrator.baseline(number, only.is_some()).await?;
                Ok(show::list(target, "recorded", &labels(&migrator, &recorded)))
            }
            Self::Report(Report { no_measure, .. }) => {
                Ok(show::report(target, &migrator.report(!no_measure).await?))
            }
        }
    }
}

async fn plan(migrator: &Migrator) -> Result<Answer, Error> {
    let status = migrator.status().await?;
    let due: Vec<Planned> = status
        .migrations
        .iter()
        .filter(|condition| condition.state.is_due())
        .filter_map(|condition| migrator.series().get(condition.number))
        .map(Planned::of)
        .collect();
    let mut answer = show::plan(&status, &due);
    answer.json = json!({ "due": due, "status": status });
    Ok(answer)
}

fn labels(migrator: &Migrator, numbers: &[u32]) -> Vec<String> {
    let own = numbers.iter().filter_map(|number| migrator.series().get(*number));
    own.map(|migration| migration.label()).collect()
}
