//! The workspace's test programs, two at a time: for a third of their time they wait, for servers or for what they sent.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::workspace_root;

use super::Summary;

/// How many run at once.
const LANES: usize = 2;

/// What judges how long clients wait: nothing else runs beside it.
const ALONE: [&str; 1] = ["e2e/load_tests"];

/// One test program, as `cargo test` builds it.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// Its package and its target, such as `e2e/metrics`.
    name: String,
    executable: PathBuf,
    /// The package's folder, in which it runs.
    folder: PathBuf,
}

impl Program {
    /// The program that a line of `cargo test --message-format=json` tells of, if it does.
    fn from_message(line: &str) -> Option<Program> {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["profile"]["test"] != true {
            return None;
        }
        let executable = message["executable"].as_str()?.into();
        let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
        let package = message["package_id"].as_str()?;
        // `path+file:///folder#0.1.0`, or `#name@0.1.0` where the folder is called otherwise.
        let (place, version) = package.rsplit_once('#')?;
        let package = match version.split_once('@') {
            Some((name, _)) => name,
            None => place.rsplit_once('/')?.1,
        };
        let name = format!("{package}/{}", message["target"]["name"].as_str()?);
        Some(Program { name, executable, folder: folder.to_owned() })
    }

    fn is_alone(&self) -> bool {
        ALONE.contains(&self.name.as_str())
    }

    /// Runs those of its tests whose names contain the filter, and prints what they print when all have ended.
    fn run(&self, filter: Option<&str>) -> Result<Summary> {
        println!("    Running {}", self.name);
        let start = Instant::now();
        let mut output = tempfile::tempfile().context("cannot make a file for output")?;
        let mut command = Command::new(&self.executable);
        command.args(filter).current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
        let status = command.status().with_context(|| format!("cannot run {}", self.executable.display()))?;
        output.rewind()?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "\n    {} ended after {:.1} s: {status}", self.name, start.elapsed().as_secs_f64())?;
        Ok(Summary::of(output, &mut stdout)?.ended(status))
    }
}

/// Builds them all. One call for the whole workspace: a part of the packages would have dependencies with other features,
/// and so all of them built anew.
pub fn build() -> Result<Vec<Program>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    let mut child =
        cargo.current_dir(workspace_root()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let messages = BufReader::new(child.stdout.take().context("cargo has no output")?).lines();
    let programs = messages.map(|line| Ok(Program::from_message(&line?))).filter_map(Result::transpose);
    let programs = programs.collect::<Result<Vec<Program>>>()?;
    ensure!(child.wait()?.success(), "the tests do not compile");
    for name in ALONE {
        ensure!(programs.iter().any(|program| program.name == name), "there is no test program {name}");
    }
    Ok(programs)
}

/// Runs them all, whatever fails, and says at the end which did.
pub fn run(programs: Vec<Program>, filter: Option<&str>) -> Result<Summary> {
    let (alone, others): (Vec<_>, Vec<_>) = programs.into_iter().partition(Program::is_alone);
    let mut total = Total::default();
    for program in &alone {
        total.add(program, program.run(filter)?);
    }
    let (waiting, total) = (Mutex::new(VecDeque::from(others)), Mutex::new(total));
    let next = || waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop_front();
    let lane = || -> Result<()> {
        while let Some(program) = next() {
            let summary = program.run(filter)?;
            total.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).add(&program, summary);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .try_for_each(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let total = total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    for name in &total.failed {
        println!("    failed: {name}");
    }
    Ok(total.summary)
}

#[derive(Default)]
struct Total {
    summary: Summary,
    /// The programs in which tests failed.
    failed: Vec<String>,
}

impl Total {
    fn add(&mut self, program: &Program, summary: Summary) {
        self.summary.add(summary);
        if summary.failed > 0 {
            self.failed.push(program.name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(package: &str, test: bool, executable: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"{package}","manifest_path":"/w/tests/Cargo.toml",
                "target":{{"name":"metrics"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
        )
    }

    #[test]
    fn messages_of_cargo_name_the_programs() {
        let named = |package| Program::from_message(&message(package, true, r#""/w/metrics-1""#)).unwrap();
        let program = named("path+file:///w/tests#e2e@0.1.0");
        assert_eq!((program.name.as_str(), program.folder.as_path()), ("e2e/metrics", Path::new("/w/tests")));
        assert_eq!(program.executable, Path::new("/w/metrics-1"));
        assert_eq!(named("path+file:///w/demo#0.1.0").name, "demo/metrics");
    }

    #[test]
    fn other_messages_are_passed_over() {
        let package = "path+file:///w/tests#e2e@0.1.0";
        for line in [message(package, false, r#""/w/slipstream""#), message(package, true, "null")] {
            assert_eq!(Program::from_message(&line), None);
        }
        assert_eq!(Program::from_message(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(Program::from_message("running 3 tests"), None);
    }
}
