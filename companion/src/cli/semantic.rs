//! `slipstream semantic` and `slipstream embed`.

use anyhow::{Context, bail};
use cache_protocol::ErrorBody;
use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Remote;
use super::table::Table;

/// The semantic cache of a running companion.
#[derive(Debug, Subcommand)]
pub(super) enum Semantic {
    /// Remove the answers that were made from a document, at all companions, and wait until nobody serves them any more.
    Invalidate(Invalidate),
    /// Show how a question would be answered, and why: neighbours, similarities, guards, verdict. Changes nothing.
    Explain(Explain),
    /// Show what is stored, what was learned, and how many hits are wrong by what is known.
    #[command(visible_alias = "status")]
    Stats(Output),
}

#[derive(Debug, Args)]
#[group(id = "hit", required = true, multiple = true, args = ["source", "all"])]
pub(super) struct Invalidate {
    /// A document's id, as it was stored with the answers. May be given more than once.
    #[arg(long, value_name = "DOC")]
    source: Vec<String>,
    /// Every answer.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The question.
    question: String,
    /// The namespace it is asked in: tenant, model, system prompt, history, and whether the answer is streamed.
    #[arg(long, default_value = "")]
    tenant: String,
    /// The model that answers.
    #[arg(long, default_value = "")]
    model: String,
    /// The system prompt.
    #[arg(long, default_value = "")]
    system: String,
    /// What was said before.
    #[arg(long, default_value = "")]
    history: String,
    /// The answer is streamed.
    #[arg(long)]
    stream: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Output {
    /// Print JSON instead of a table for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Embed a text at a running companion, and print its vector as JSON.
#[derive(Debug, Args)]
pub(super) struct Embed {
    /// The text.
    text: String,
    #[command(flatten)]
    remote: Remote,
}

impl Embed {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        // The companion's own model, whatever its name is.
        let body = json!({ "input": self.text, "model": "" });
        let answer = ask(&self.remote, Method::POST, "/v1/embeddings", Some(body)).await?;
        let vector =
            answer.pointer("/data/0/embedding").context("the companion's answer has no embedding")?;
        println!("{vector}");
        Ok(())
    }
}

impl Semantic {
    /// Asks for it, and prints the answer.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Invalidate(Invalidate { source, all, remote }) => {
                let body = json!({ "sources": source, "all": all });
                let answer = ask(&remote, Method::POST, "/v1/semantic/invalidations", Some(body)).await?;
                let removed = answer.get("removed").and_then(Value::as_u64).unwrap_or(0);
                println!("removed {removed} {}", if removed == 1 { "answer" } else { "answers" });
            }
            Self::Explain(Explain { question, tenant, model, system, history, stream, output }) => {
                let namespace = json!({
                    "tenant": tenant, "model": model, "system": system, "history": history, "stream": stream,
                });
                let body = json!({ "namespace": namespace, "question": question });
                let answer = ask(&output.remote, Method::POST, "/v1/semantic/explain", Some(body)).await?;
                print!("{}", if output.json { format!("{answer}\n") } else { explanation(&answer) });
            }
            Self::Stats(Output { json, remote }) => {
                let answer = ask(&remote, Method::GET, "/v1/semantic/stats", None).await?;
                print!("{}", if json { format!("{answer}\n") } else { figures(&answer) });
            }
        }
        Ok(())
    }
}

async fn ask(remote: &Remote, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let answer = remote.client()?.send(method, path, &[("content-type", "application/json")], body).await?;
    if answer.status() != StatusCode::OK {
        let said = serde_json::from_slice::<ErrorBody>(answer.body()).map(|body| body.error).ok();
        let message = || {
            let body: Value = serde_json::from_slice(answer.body()).ok()?;
            Some(body.pointer("/error/message")?.as_str()?.to_owned())
        };
        let reason =
            said.or_else(message).unwrap_or_else(|| String::from_utf8_lossy(answer.body()).into_owned());
        bail!("{reason} ({})", answer.status());
    }
    serde_json::from_slice(answer.body()).context("the companion's answer is no JSON")
}

fn explanation(answer: &Value) -> String {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let flag = |value: &Value, name: &str| value.get(name) == Some(&Value::Bool(true));
    let list = |value: &Value| {
        let names = value.get("guards").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let number = |name: &str| answer.get(name).and_then(Value::as_f64);
    let mut said = format!("{}: {}\n", text(answer, "verdict"), text(answer, "reason"));
    if let (Some(risk), Some(limit)) = (number("risk"), number("risk_limit")) {
        said += &format!("risk {:.2} %, allowed {:.2} %\n", risk * 100.0, limit * 100.0);
    }
    let mut table = Table::new(&["COSINE", "", "ANSWER AGREES", "GUARDS", "QUESTION"]);
    for near in answer.get("neighbours").and_then(Value::as_array).into_iter().flatten() {
        let cosine = near.get("similarity").and_then(Value::as_f64).unwrap_or(0.0);
        let agrees = if flag(near, "agrees") { "yes" } else { "no" };
        let chosen = if flag(near, "chosen") { "*" } else { "" };
        table.row([
            format!("{cosine:.3}"),
            chosen.to_owned(),
            agrees.to_owned(),
            list(near),
            text(near, "question"),
        ]);
    }
    format!("{said}{table}")
}

fn figures(stats: &Value) -> String {
    let number = |name: &str| stats.get(name).and_then(Value::as_u64).unwrap_or(0);
    let share = |name: &str| stats.get(name).and_then(Value::as_f64).unwrap_or(0.0) * 100.0;
    let lookups =
        |name: &str| stats.pointer(&format!("/lookups/{name}")).and_then(Value::as_u64).unwrap_or(0);
    let mut table = Table::new(&[]);
    let served = lookups("exact") + lookups("hit");
    let asked = lookups("verify") + lookups("miss") + lookups("unavailable");
    let hits = match served + asked {
        0 => "no lookups yet".to_owned(),
        all => format!("{:.1} % of {all} lookups", served as f64 * 100.0 / all as f64),
    };
    let entries = match stats.get("indexed").and_then(Value::as_u64) {
        Some(indexed) => format!("{indexed} in Redis, {} of them in memory", number("entries")),
        None => number("entries").to_string(),
    };
    for (name, value) in [
        ("entries", entries),
        ("memory", super::table::bytes(number("bytes"))),
        ("namespaces", format!("{}, {} have learned", number("namespaces"), number("learned"))),
        ("hits", hits),
        ("verified", format!("{} hits, {} disagreed", number("verified"), number("disagreed"))),
        (
            "false hits",
            format!("{:.1} %, at most {:.1} % (95 %)", share("false_hits"), share("false_hits_at_most")),
        ),
    ] {
        table.row([name.to_owned(), value]);
    }
    table.to_string()
}
