//! `slipstream validate`: whether a live endpoint keeps its promises.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Error;
use clap::{Args, Subcommand};
use hyper::header::{HeaderName, HeaderValue};

use super::table::Table;
use crate::validate::{self, Asker, Report, Url};

#[derive(Debug, Subcommand)]
pub(super) enum Validate {
    /// Check that a resource is compressed rightly, and for those only who asked for it. Exits with 0 if nothing failed.
    Compression(Compression),
}

#[derive(Debug, Args)]
pub(super) struct Compression {
    /// The resource, at a listener that speaks plain HTTP: text of 1,024 bytes or more that does not change meanwhile,
    /// such as "http://127.0.0.1:10000/api/items".
    #[arg(value_name = "URL")]
    url: Url,
    /// A resource below 1,024 bytes, which must come as it is.
    #[arg(long, value_name = "URL")]
    small: Option<Url>,
    /// The authority to name in the requests [default: that of the URL].
    #[arg(long, value_name = "NAME", value_parser = validate::authority)]
    host: Option<String>,
    /// A field of the requests, such as "authorization: Bearer TOKEN". May be given more than once.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = validate::field)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// How long each answer may take.
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    /// Print JSON instead of a table for people.
    #[arg(long)]
    json: bool,
}

impl Validate {
    /// Checks, and prints what was found.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Compression(Compression { url, small, host, headers, timeout_ms, json }) = self;
        let asker = Asker { host, fields: headers, patience: Duration::from_millis(timeout_ms) };
        let report = validate::compression(&asker, &url, small.as_ref()).await.map_err(Error::msg)?;
        if json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{}", text(&report));
        }
        Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn text(report: &Report) -> String {
    let mut table = Table::new(&["CHECK", "SEEN", "RESULT", "WHY"]);
    for check in &report.checks {
        let finding = &check.finding;
        let verdict = finding.verdict.as_str().to_owned();
        table.row([check.check.clone(), finding.seen.clone(), verdict, finding.why.clone()]);
    }
    let Report { passed, failed, skipped, .. } = report;
    format!("{table}{passed} passed, {failed} failed, {skipped} skipped\n")
}
