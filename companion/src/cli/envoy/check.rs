//! `slipstream envoy check`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use envoy_config::{Report, check};

use crate::cli::WRONG_SETTINGS;
use crate::cli::table::Table;

/// More than any configuration that people write.
const LARGEST: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The bootstrap, or a file of resources for one: YAML or JSON. `-` is what comes on the standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder in which Envoy is started, where relative paths in the file begin.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// A rule whose findings are of no interest: wasm-file, where the file is checked on another machine than Envoy's. May be given
    /// more than once.
    #[arg(long, value_name = "RULE")]
    ignore: Vec<String>,
    /// Let warnings count as errors.
    #[arg(long)]
    strict: bool,
    /// Print JSON instead of a table for people.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let shown = self.file.display();
        let report = match read(&self.file).map(|text| check(&text, &self.folder)) {
            Ok(Ok(report)) => report.without(&self.ignore),
            Ok(Err(unreadable)) => {
                eprintln!("slipstream: {shown}: {unreadable}");
                return Ok(ExitCode::from(WRONG_SETTINGS));
            }
            Err(error) => {
                eprintln!("slipstream: cannot read {shown}: {error}");
                return Ok(ExitCode::from(WRONG_SETTINGS));
            }
        };
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{}", text(&report, &self.file));
        }
        let is_right = report.errors == 0 && !(self.strict && report.warnings > 0);
        Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let bytes = if file == Path::new("-") {
        std::io::stdin().take(LARGEST + 1).read_to_string(&mut text)?
    } else {
        fs::File::open(file)?.take(LARGEST + 1).read_to_string(&mut text)?
    };
    if bytes as u64 > LARGEST {
        return Err(std::io::Error::other(format!("it is longer than {LARGEST} bytes")));
    }
    Ok(text)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn text(report: &Report, file: &Path) -> String {
    let Report { errors, warnings, findings } = report;
    let (errors, warnings) = (counted(*errors, "error"), counted(*warnings, "warning"));
    let sum = format!("{}: {errors}, {warnings}\n", file.display());
    if findings.is_empty() {
        return sum;
    }
    let mut table = Table::new(&["LINE", "LEVEL", "RULE", "WHAT IS WRONG", "WHAT TO DO", "WHERE"]);
    for found in findings {
        table.row([
            found.line.to_string(),
            found.severity.as_str().to_owned(),
            found.rule.to_owned(),
            found.problem.clone(),
            found.fix.clone(),
            found.path.clone(),
        ]);
    }
    format!("{table}{sum}")
}
