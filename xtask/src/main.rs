//! The project's own commands: `cargo xtask setup`, `filters`, `generate`, `demo`, `test`, `trial`, `bench`, `load`, `soak`,
//! `fuzz`, `package`, `book`.

mod bench;
mod book;
mod demo;
#[cfg(test)]
mod documentation;
mod fuzz;
mod generate;
mod load;
mod package;
mod soak;
mod test;
mod trial;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Parser, Subcommand};
use testbed::artifacts::{self, Artifact};
use testbed::{Tool, setup};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install everything the other commands need
    Setup,
    /// Build the filters into target/filters
    Filters,
    /// Write the schemas and reference pages that are made from the code
    Generate,
    /// Show a real API behind a real Envoy getting faster
    Demo(demo::Options),
    /// Run every test on the real parts; the last line is `N passed, N failed`
    Test(test::Options),
    /// Run the long forms of tests: many purges, many misses at once, many keys
    Trial(trial::Options),
    /// Build what is delivered: filters, OCI layouts, the companion's Debian package, checksums, SBOMs, provenance
    Package(package::Options),
    /// Make a book for browsers of docs/
    Book(book::Options),
    /// Compare the filters with what others offer, in the proxy's CPU time per request
    Bench(bench::Options),
    /// Run the load tests of k6/ and set the figures beside the reference system's
    Load(load::Options),
    /// Keep a constant load for minutes or hours, and compare what is taken then with what was before
    Soak(soak::Options),
    /// Look for inputs that a parser or a filter does not hold on, ten minutes a target
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Setup => {
            let start = Instant::now();
            ensure(&Tool::ALL)?;
            for tool in Tool::ALL {
                println!("{:26} {}", tool.name(), tool.path()?.display());
            }
            println!("all there ({:.1} s)", start.elapsed().as_secs_f64());
        }
        Command::Filters => {
            ensure(&[])?;
            artifacts::build(&[Artifact::Filters])?;
            println!("{}", artifacts::filters_dir().display());
        }
        Command::Generate => generate::run()?,
        Command::Demo(options) => return demo::run(&options),
        Command::Test(options) => return Ok(test::run(&options)),
        Command::Trial(options) => return trial::run(&options),
        Command::Package(options) => return package::run(&options),
        Command::Book(options) => return book::run(&options),
        Command::Bench(options) => return bench::run(&options),
        Command::Load(options) => return load::run(&options),
        Command::Soak(options) => return soak::run(&options),
        Command::Fuzz(options) => return fuzz::run(&options),
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing of these tools and of the toolchain, saying so on stderr.
fn ensure(tools: &[Tool]) -> Result<()> {
    let say = |step: &str| eprintln!("setup: {step}");
    setup::ensure_targets(say)?;
    setup::ensure(tools, say)
}
