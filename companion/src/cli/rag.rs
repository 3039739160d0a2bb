//! `slipstream rag`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ConfigArgs, ask};
use crate::client::Client;
use crate::config::Config;
use crate::embedder::Embedder;
use crate::rag::{Report, ingest};

/// The service that answers questions about documents.
#[derive(Debug, Subcommand)]
pub(super) enum Rag {
    /// Take a folder of Markdown in: what is new or has changed is embedded, and what has vanished is forgotten. A running
    /// companion picks it up.
    Ingest(Ingest),
    /// Ask a running companion a question, and print the answer and what it was made from.
    Ask(Question),
}

#[derive(Debug, Args)]
pub(super) struct Ingest {
    /// The folder; documents are named by their paths in it.
    dir: PathBuf,
    /// Print JSON instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct Question {
    /// The question.
    question: String,
    /// Passages to answer from [default: that of the settings].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=50))]
    top_k: Option<u8>,
    /// Print JSON instead of text for people.
    #[arg(long)]
    json: bool,
    /// The URL that answers questions, the companion's own or a proxy's [default: that of the settings].
    #[arg(long, value_name = "URL", env = "SLIPSTREAM_RAG_URL")]
    url: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Rag {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Ingest(ingest) => ingest.run(),
            Self::Ask(question) => ask(question.run()),
        }
    }
}

impl Ingest {
    fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let embedder = Embedder::open(&config.embeddings)?
            .context("embeddings.enabled is false, expected true: passages are found by their embeddings")?;
        let shows_progress = std::io::stderr().is_terminal();
        let progress = |done: usize, all: usize, path: &str| {
            if shows_progress {
                // Over the line before.
                let _ = write!(std::io::stderr(), "\r\x1b[K{done}/{all} {path}");
            } else {
                tracing::debug!(done, all, path, "read");
            }
        };
        let report = ask(ingest(&self.dir, &config.rag, &embedder, progress));
        if shows_progress {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        let report = report?;
        match self.json {
            true => println!("{}", serde_json::to_string(&report)?),
            false => print!("{}", shown(&report, &config)),
        }
        Ok(())
    }
}

fn shown(report: &Report, config: &Config) -> String {
    let mut text = String::new();
    for (what, paths) in [("new", &report.new), ("changed", &report.changed), ("removed", &report.removed)] {
        for path in paths {
            text += &format!("{what:8} {path}\n");
        }
    }
    for (path, why) in &report.skipped {
        text += &format!("skipped  {path}: {why}\n");
    }
    text + &format!(
        "{} documents, {} passages in {} ({} new, {} changed, {} unchanged, {} removed, {} skipped)\n",
        report.documents,
        report.passages,
        config.rag.corpus_dir,
        report.new.len(),
        report.changed.len(),
        report.unchanged,
        report.removed.len(),
        report.skipped.len(),
    )
}

impl Question {
    async fn run(self) -> anyhow::Result<()> {
        let config = self.config.load()?;
        let url = self.url.unwrap_or_else(|| config.rag.local_url());
        let client = Client::new(&url, config.rag.token.reveal())?;
        let mut body = json!({ "question": self.question });
        if let (Some(top_k), Some(fields)) = (self.top_k, body.as_object_mut()) {
            fields.insert("top_k".to_owned(), json!(top_k));
        }
        let headers = [("content-type", "application/json")];
        let answer = client.send(Method::POST, "/query", &headers, body.to_string()).await?;
        let said: Value = serde_json::from_slice(answer.body())
            .with_context(|| format!("{url} answered {} and no JSON", answer.status()))?;
        if answer.status() != StatusCode::OK {
            let why = said.get("error").and_then(Value::as_str).unwrap_or_default();
            bail!("{why} ({})", answer.status());
        }
        print!("{}", if self.json { format!("{said}\n") } else { readable(&said) });
        Ok(())
    }
}

fn readable(answer: &Value) -> String {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let mut said = format!("{}\n", text(answer, "answer"));
    for source in answer.get("sources").and_then(Value::as_array).into_iter().flatten() {
        said += &format!(
            "\n[{}] {}: {} ({:.2})",
            number(source, "number"),
            text(source, "source"),
            text(source, "heading"),
            number(source, "similarity"),
        );
    }
    if answer.get("cached") == Some(&Value::Bool(true)) {
        said += &format!("\n\nfrom the semantic cache, cosine {:.3}", number(answer, "similarity"));
    }
    said + "\n"
}
