//! ONNX Runtime, which embeds the same tokens with the same weights in f32, for comparison.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use minilm::Tokens;
use serde_json::Value;
use testbed::Tool;

/// Makes the model's graph, and embeds what it is handed.
const PROGRAM: &str = include_str!("runtime.py");

/// The runtime, in a process of its own with one thread. It ends with this.
pub struct Runtime {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Runtime {
    /// Starts it with the model in this folder.
    pub fn start(folder: &Path) -> Result<Self> {
        let packages = [Tool::OnnxRuntime.path()?, Tool::Onnx.path()?];
        // The folder above the package's own.
        let packages = packages.iter().filter_map(|file| file.ancestors().nth(2));
        let mut process = Command::new(Tool::Python.path()?)
            .args(["-c", PROGRAM])
            .arg(folder)
            .env("PYTHONPATH", std::env::join_paths(packages)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run Python")?;
        let ask = process.stdin.take().context("no way to ask")?;
        let answers = BufReader::new(process.stdout.take().context("no way to hear")?);
        Ok(Self { process, ask, answers })
    }

    /// How long it takes for these tokens in milliseconds, without the way there and back, and their embedding.
    pub fn embed(&mut self, tokens: &Tokens) -> Result<(f64, Vec<f32>)> {
        writeln!(self.ask, "{:?}", tokens.numbers())?;
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "ONNX Runtime has ended: see above why");
        let answer: Value = serde_json::from_str(&line)?;
        let took = answer["ms"].as_f64().context("no time")?;
        let embedding = serde_json::from_value(answer["embedding"].clone())?;
        Ok((took, embedding))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
