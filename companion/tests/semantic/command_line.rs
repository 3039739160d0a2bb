//! `slipstream embed` and `slipstream semantic`, the binary itself.

use std::process::Command;

use serde_json::Value;

use crate::common::Companion;
use crate::{is_served, start, store};

/// What it exits with, and what it says on both outputs.
async fn run(companion: &Companion, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    command.args(arguments).args(["--companion", &companion.url]);
    ["SLIPSTREAM_CONFIG", "SLIPSTREAM_URL", "SLIPSTREAM_TOKEN"].iter().for_each(|name| {
        command.env_remove(name);
    });
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

async fn said(companion: &Companion, arguments: &[&str]) -> String {
    let (status, text, error) = run(companion, arguments).await;
    assert_eq!((status, error.as_str()), (0, ""), "{arguments:?}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_embedded() {
    let companion = start(None, |_| {}).await;
    let vector: Vec<f64> =
        serde_json::from_str(&said(&companion, &["embed", "My card was stolen"]).await).unwrap();
    let length: f64 = vector.iter().map(|number| number * number).sum();
    assert!(vector.len() == 384 && (length - 1.0).abs() < 1e-3, "{} {length}", vector.len());
    let (status, _, error) = run(&companion, &["embed", ""]).await;
    assert!(status == 1 && error.contains("400 Bad Request"), "{error}");
    let without = Companion::start(|_| {}).await;
    let (status, _, error) = run(&without, &["embed", "x"]).await;
    assert!(status == 1 && error.contains("embeddings.enabled"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_is_shown_explained_and_invalidated() {
    let companion = start(None, |_| {}).await;
    assert!(said(&companion, &["semantic", "status"]).await.contains("hits        no lookups yet\n"));
    let nothing = said(&companion, &["semantic", "explain", "Is anything stored?"]).await;
    assert!(nothing.starts_with("miss: nothing is stored in this namespace\n"), "{nothing}");
    for (question, answer, source) in [
        ("What happened on 28 June?", "The 28th was quiet.", "june.md"),
        ("Where is my parcel?", "On its way.", "parcels.md"),
        ("How do I reset my password?", "Choose Reset.", "passwords.md"),
    ] {
        store(&companion, "a", question, answer, source).await;
    }
    is_served(&companion, "a", "how do i reset my password", "Choose Reset.").await;

    let explain = ["semantic", "explain", "What happened on 29 June?", "--tenant", "a"];
    let text = said(&companion, &explain).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "verify: it would serve, but differs in numbers");
    assert!(lines[1].starts_with("COSINE"), "{text}");
    let nearest: Vec<&str> = lines[2].split_whitespace().collect();
    assert!(nearest[0].starts_with("0.9") && nearest[1..4] == ["*", "yes", "numbers"], "{text}");
    assert!(lines[2].ends_with("What happened on 28 June?") && lines.len() == 5, "{text}");
    let json: Value =
        serde_json::from_str(&said(&companion, &[&explain[..], &["--json"]].concat()).await).unwrap();
    assert_eq!(
        (json["verdict"].as_str(), json["neighbours"][0]["chosen"].as_bool()),
        (Some("verify"), Some(true))
    );
    let elsewhere = said(&companion, &["semantic", "explain", "Where is my parcel?", "--tenant", "b"]).await;
    assert!(elsewhere.starts_with("miss: nothing is stored"), "{elsewhere}");

    let status = said(&companion, &["semantic", "stats"]).await;
    assert!(
        status.contains("entries     3\n") && status.contains("namespaces  1, 0 have learned\n"),
        "{status}"
    );
    let json: Value =
        serde_json::from_str(&said(&companion, &["semantic", "stats", "--json"]).await).unwrap();
    assert_eq!((json["entries"].as_u64(), json["lookups"]["hit"].as_u64()), (Some(3), Some(1)), "{json}");

    let invalidate = ["semantic", "invalidate", "--source", "june.md", "--source", "parcels.md"];
    assert_eq!(said(&companion, &invalidate).await, "removed 2 answers\n");
    assert_eq!(said(&companion, &invalidate).await, "removed 0 answers\n");
    assert_eq!(said(&companion, &["semantic", "invalidate", "--all"]).await, "removed 1 answer\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_explained() {
    let companion = Companion::start(|_| {}).await;
    for (arguments, status, complaint) in [
        (&["semantic", "invalidate"][..], 2, "required arguments"),
        (&["semantic", "explain"], 2, "<QUESTION>"),
        (&["semantic", "stats"], 1, "there is no semantic cache (setting semantic.enabled)"),
        (&["semantic", "explain", "x"], 1, "there is no semantic cache (setting semantic.enabled)"),
        (&["semantic", "invalidate", "--all"], 1, "there is no semantic cache (setting semantic.enabled)"),
    ] {
        let (code, _, error) = run(&companion, arguments).await;
        assert!(code == status && error.contains(complaint), "{arguments:?}: {code} {error}");
    }
}
