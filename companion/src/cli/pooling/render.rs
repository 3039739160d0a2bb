//! `slipstream pooling render` and `apply`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::pooling::{self, Console, Rendered, advise};

#[derive(Debug, Args)]
pub(in crate::cli) struct Render {
    /// Print pgbouncer.ini, which holds no secret, and write nothing.
    #[arg(long)]
    stdout: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Apply {
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Render {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let rendered = pooling::render(&config).await?;
        if self.stdout {
            print!("{}", rendered.ini);
            return Ok(ExitCode::SUCCESS);
        }
        rendered.write(&config)?;
        print_changes(&rendered);
        println!("written: {} and {}", config.pooling.config_file, config.pooling.userlist_file);
        print_advice(&config, &rendered);
        Ok(ExitCode::SUCCESS)
    }
}

impl Apply {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let rendered = pooling::render(&config).await?;
        if self.dry_run {
            print_changes(&rendered);
            println!("nothing was written");
            return Ok(ExitCode::SUCCESS);
        }
        // Before anything is written: a PgBouncer that cannot be told must not find other files at its next start.
        let console = Console::open(&config.pooling).await?;
        rendered.write(&config)?;
        console.reload().await?;
        print_changes(&rendered);
        println!("PgBouncer has read {}", config.pooling.config_file);
        let waiting = not_in_force(&rendered, &console.settings().await?);
        for (name, running, wanted) in &waiting {
            println!("not in force before a restart: {name} is {running}, and will be {wanted}");
        }
        print_advice(&config, &rendered);
        Ok(if waiting.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What was written and is not so in the running PgBouncer: name, what is so, what was written.
fn not_in_force(rendered: &Rendered, running: &BTreeMap<String, String>) -> Vec<(String, String, String)> {
    let settings = rendered.ini.split_once("[pgbouncer]").map_or("", |(_, settings)| settings);
    settings
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .filter_map(|(name, wanted)| {
            let running = running.get(name)?;
            (running != wanted).then(|| (name.to_owned(), running.clone(), wanted.to_owned()))
        })
        .collect()
}

fn print_changes(rendered: &Rendered) {
    if rendered.changes.is_empty() {
        println!("nothing changes");
    }
    for change in &rendered.changes {
        println!("{change}");
    }
}

fn print_advice(config: &Config, rendered: &Rendered) {
    for line in advise(&config.pooling, &rendered.budgets) {
        println!("- {line}");
    }
}
