//! A companion that watches PgBouncer while it serves.

use std::time::Duration;

use pooled_postgres::ClientMode;
use slipstream::config::{Config, Secret};

use crate::common::{Companion, within};
use crate::stack::{Stack, url};

#[tokio::test(flavor = "multi_thread")]
async fn the_companions_metrics_follow_pgbouncer_and_survive_it() {
    let mut stack = tokio::task::spawn_blocking(|| Stack::start(&[])).await.unwrap();
    let port = stack.pgbouncer.port();
    let companion = Companion::start(|config: &mut Config| {
        config.pooling.port = port;
        config.pooling.admin_password = Secret::from("console's");
        config.pooling.poll_interval_ms = 20;
        config.pooling.console_timeout_ms = 500;
    })
    .await;
    let metrics = async || String::from_utf8(companion.get("/metrics").await.body().to_vec()).unwrap();
    within(Duration::from_secs(20), "PgBouncer is up", async || {
        metrics().await.contains("slipstream_pgbouncer_up 1\n")
    })
    .await;
    assert_eq!(stack.ask("capital", "capital", "APPS-TPCAPITAL", "SELECT 1"), "1");
    within(Duration::from_secs(20), "the query is counted", async || {
        let text = metrics().await;
        text.contains("slipstream_pgbouncer_queries_total{database=\"APPS-TPCAPITAL\"} 1\n")
            && text.contains("slipstream_pgbouncer_pool_servers{database=\"APPS-TPCAPITAL\",state=\"idle\",user=\"capital\"}")
    })
    .await;
    // One that hangs keeps nobody from asking.
    stack.pgbouncer.process().pause();
    within(Duration::from_secs(20), "PgBouncer is down", async || {
        metrics().await.contains("slipstream_pgbouncer_up 0\n")
    })
    .await;
    let text = metrics().await;
    assert!(
        !text.contains("pool_clients{") && text.contains("slipstream_pgbouncer_queries_total{"),
        "{text}"
    );
    stack.pgbouncer.process().resume();
    within(Duration::from_secs(20), "PgBouncer is up again", async || {
        metrics().await.contains("slipstream_pgbouncer_up 1\n")
    })
    .await;
    stack.pgbouncer.process().kill();
    within(Duration::from_secs(20), "PgBouncer is gone", async || {
        metrics().await.contains("slipstream_pgbouncer_up 0\n")
    })
    .await;
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_companion_whose_pooling_mixes_rows_up_is_not_ready() {
    let stack =
        tokio::task::spawn_blocking(|| Stack::start(&[("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "3")]))
            .await
            .unwrap();
    let workspace = url(&stack.postgres, "work", "work%27s%20%22own%22", "APPS-WORKSPACE");
    let port = stack.pgbouncer.port();
    // A mode that is right in session mode, which somebody took this PgBouncer to be in.
    for (mode, status, said, metric) in [
        (ClientMode::Typed, 200, "typed is right through the pooler at 127.0.0.1:", "mode=\"typed\"} 1\n"),
        (ClientMode::Split, 503, "answers were another query's", "mode=\"split\"} 0\n"),
    ] {
        let companion = Companion::start(|config: &mut Config| {
            config.workspace.url = Secret::from(workspace.as_str());
            config.pooling.use_pgbouncer = true;
            config.pooling.port = port;
            config.pooling.client_mode = mode;
            config.pooling.probe_queries = 4_000;
        })
        .await;
        let ready = async || {
            let answer = companion.get("/readyz").await;
            (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
        };
        within(Duration::from_secs(60), "it is known", async || ready().await.1.contains("APPS-WORKSPACE"))
            .await;
        let (found, text) = ready().await;
        assert!(found == status && text.contains(said), "{mode}: {found} {text}");
        let metrics = String::from_utf8(companion.get("/metrics").await.body().to_vec()).unwrap();
        let right = format!("slipstream_pooling_right{{database=\"APPS-WORKSPACE\",{metric}");
        assert!(metrics.contains(&right), "{right} in {metrics}");
        let answers =
            "slipstream_pooling_probe_answers_total{database=\"APPS-WORKSPACE\",outcome=\"wrong\"} 0\n";
        assert_eq!(metrics.contains(answers), status == 200, "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_is_not_there_proves_nothing_and_keeps_nobody_from_serving() {
    let companion = Companion::start(|config: &mut Config| {
        config.workspace.url = Secret::from("postgres://me:secret@127.0.0.1:1/shop");
        config.pooling.use_pgbouncer = true;
        config.pooling.port = testbed::ports::free();
        config.migrate.check_seconds = 3_600;
    })
    .await;
    let ready = async || companion.get("/readyz").await;
    within(Duration::from_secs(60), "it was tried", async || {
        String::from_utf8_lossy(ready().await.body())
            .contains("pooling of shop: cannot be told: 2000 of 2000")
    })
    .await;
    assert_eq!(ready().await.status(), 200);
    assert!(!String::from_utf8_lossy(ready().await.body()).contains("secret"));
}
