//! `slipstream migrate`: the schemas of the databases.

mod run;
mod show;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use migrations::{Source, Target};

use super::ConfigArgs;
use crate::config::Config;
use crate::schema;

pub(crate) use show::summary as schema_summary;

#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Show what `up` would apply, which locks it takes, and what is dangerous in it. Changes nothing.
    Plan(Common),
    /// Apply what is not applied yet, and repair what a crash has left half done.
    Up(Up),
    /// Take back what is applied above a number, the highest first.
    Down(Down),
    /// Show what is applied, and what is not. Exits with 1 if something is to be done.
    Status(Common),
    /// Check that all is in place, and that the planner uses each index for its query. Exits with 1 if not.
    Verify(Verify),
    /// Compare the schema with what the applied migrations make. Exits with 1 if they differ.
    Drift(Common),
    /// Drop invalid indexes, forget migrations whose index is gone, and record edited ones anew.
    Repair(Repair),
    /// Record migrations as applied without running them: the schema was there before.
    Baseline(Baseline),
    /// Show what each index takes and gives, and which could go.
    Report(Report),
}

#[derive(Debug, Args)]
pub(super) struct Common {
    /// Which database.
    #[arg(value_name = "DATABASE", value_parser = ["workspace", "tp-capital", "all"], default_value = "all")]
    database: String,
    /// Apply this set, too. May be given more than once.
    #[arg(long = "with", value_name = "SET", conflicts_with = "lean")]
    with: Vec<String>,
    /// Leave out the set `default`, and with it most of what writes pay for.
    #[arg(long)]
    lean: bool,
    /// Take migrations from the folders workspace and tp-capital in this one, instead of those built in.
    #[arg(long, value_name = "FOLDER")]
    migrations: Option<PathBuf>,
    /// Print JSON instead of text for people. What happens meanwhile is told on standard error.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    common: Common,
    /// Apply nothing above this number.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
    /// Only show what would be applied, as `plan` does.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Down {
    #[command(flatten)]
    common: Common,
    /// The number that stays; 0 takes back everything.
    #[arg(long, value_name = "NUMBER")]
    to: u32,
    /// Allow dropping tables with what is in them.
    #[arg(long)]
    lose_data: bool,
    /// Only show what would be taken back.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    common: Common,
    /// Run the queries, too, and show how long each took.
    #[arg(long)]
    run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    common: Common,
    /// Record migrations that were edited after they ran as they are now.
    #[arg(long)]
    accept_edited: bool,
}

#[derive(Debug, Args)]
pub(super) struct Baseline {
    #[command(flatten)]
    common: Common,
    /// Record all up to this number.
    #[arg(long, value_name = "NUMBER", required_unless_present = "only")]
    to: Option<u32>,
    /// Record only this one.
    #[arg(long, value_name = "NUMBER", conflicts_with = "to")]
    only: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    common: Common,
    /// Do not measure what each index adds to a write (by writing 2,000 rows in a scratch schema, which is rolled back).
    #[arg(long)]
    no_measure: bool,
}

impl Migrate {
    /// Does it for each database, and prints what came of it.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let common = match &self {
            Self::Plan(common) | Self::Status(common) | Self::Drift(common) => common,
            Self::Up(Up { common, .. })
            | Self::Down(Down { common, .. })
            | Self::Verify(Verify { common, .. })
            | Self::Repair(Repair { common, .. })
            | Self::Baseline(Baseline { common, .. })
            | Self::Report(Report { common, .. }) => common,
        };
        let config = common.settings()?;
        let targets = common.targets(&config)?;
        common.check_sets(&config)?;
        let mut answers = serde_json::Map::new();
        let mut good = true;
        for target in targets {
            let answer = match self.on(&config, target).await {
                Ok(answer) => answer,
                Err(error) => {
                    eprintln!("slipstream: {target}: {error}");
                    show::Answer::failure(&error)
                }
            };
            good &= answer.good;
            if common.json {
                answers.insert(target.name().to_owned(), answer.json);
            } else {
                print!("{}", answer.text);
            }
        }
        if common.json {
            println!("{}", serde_json::Value::Object(answers));
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Common {
    fn settings(&self) -> anyhow::Result<Config> {
        let mut config = self.config.load()?;
        if self.lean {
            config.migrate.sets.clear();
        }
        config.migrate.sets.extend(self.with.iter().cloned());
        if let Some(folder) = &self.migrations {
            if !folder.is_dir() {
                bail!("--migrations {}: there is no such folder", folder.display());
            }
            config.migrate.directory = folder.display().to_string();
        }
        Ok(config)
    }

    fn targets(&self, config: &Config) -> anyhow::Result<Vec<Target>> {
        let targets = match self.database.parse::<Target>() {
            Ok(target) if schema::database(config, target).is_configured() => vec![target],
            Ok(target) => bail!(
                "{} is empty: set it to the database's PostgreSQL URL, in the file of settings or as {}",
                schema::url_setting(target),
                variable(target)
            ),
            Err(_) => schema::configured(config),
        };
        if targets.is_empty() {
            bail!(
                "no database is configured: set {} or {} (or {} or {}) to a PostgreSQL URL",
                schema::url_setting(Target::Workspace),
                schema::url_setting(Target::TpCapital),
                variable(Target::Workspace),
                variable(Target::TpCapital)
            );
        }
        Ok(targets)
    }

    /// A set that no database has is most likely misspelt.
    fn check_sets(&self, config: &Config) -> anyhow::Result<()> {
        let source = schema::source(config);
        let mut known: Vec<String> = vec!["default".to_owned()];
        for target in Target::ALL {
            // What is wrong with the files of a database that is not asked for does not matter here.
            if let Ok(series) = source.read(target) {
                known.extend(series.sets().into_iter().map(str::to_owned));
            }
        }
        if matches!(source, Source::BuiltIn)
            && let Some(set) = config.migrate.sets.iter().find(|set| !known.contains(set))
        {
            known.sort_unstable();
            known.dedup();
            bail!("there is no set {set:?} of migrations, expected one of {}", known.join(", "));
        }
        Ok(())
    }
}

fn variable(target: Target) -> &'static str {
    match target {
        Target::Workspace => "SLIPSTREAM_WORKSPACE__URL",
        Target::TpCapital => "SLIPSTREAM_TP_CAPITAL__URL",
    }
}
