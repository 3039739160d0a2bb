//! What real clients get through a real PgBouncer in transaction mode.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use migrations::tls_connector;
use pooled_postgres::probe::{Findings, Plan, cross_talk};
use pooled_postgres::{ClientMode, PoolOptions, Way, pool, rows, server_secret};
use testbed::{PgBouncer, PgBouncerOptions, Postgres};
use tokio_postgres::types::Type;

struct Stack {
    pgbouncer: PgBouncer,
    postgres: Postgres,
}

impl Stack {
    fn start(pool_size: u32, mode: &str) -> Self {
        let postgres = Postgres::start_with(&["max_connections=40"]).unwrap();
        let target = format!("host=127.0.0.1 port={}", postgres.port());
        let settings = ["max_client_conn = 2000".to_owned(), format!("default_pool_size = {pool_size}")];
        let settings = settings.into_iter().chain([format!("pool_mode = {mode}")]).collect();
        let databases = vec![("postgres".to_owned(), target)];
        Self { pgbouncer: PgBouncer::start(&PgBouncerOptions { databases, settings }).unwrap(), postgres }
    }

    async fn ask(&self, way: &Way, mode: ClientMode, clients: u32, queries: u32, in_flight: u32) -> Findings {
        let config = way.config(&self.postgres.url()).unwrap();
        cross_talk(
            &config,
            &tls_connector(false, "").unwrap(),
            Plan { mode, clients, queries, in_flight, patience: Duration::from_secs(60) },
        )
        .await
    }

    fn pooled(&self) -> Way {
        Way::Pooled { host: "127.0.0.1".to_owned(), port: self.pgbouncer.port(), tls: false }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_queries_at_once_get_their_own_answers() {
    let stack = Stack::start(20, "transaction");
    // By many clients with one query each under way, and by fewer that have all of theirs under way.
    for (clients, in_flight) in [(1_000, 1), (500, 20)] {
        let findings = stack.ask(&stack.pooled(), ClientMode::Typed, clients, 10_000, in_flight).await;
        assert!(findings.is_clean() && findings.right == 10_000, "{findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pooler_serves_clients_that_the_server_cannot() {
    let stack = Stack::start(20, "transaction");
    let direct = stack.ask(&Way::Direct, ClientMode::Typed, 800, 800, 1).await;
    assert!(direct.failed >= 700, "{direct:?}");
    assert!(direct.errors.iter().any(|(error, _)| error.contains("too many clients")), "{direct:?}");
    let pooled = stack.ask(&stack.pooled(), ClientMode::Typed, 800, 3_200, 1).await;
    assert!(pooled.is_clean() && pooled.right == 3_200, "{pooled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_is_found_right_or_wrong_as_it_is() {
    let transaction = Stack::start(5, "transaction");
    let session = Stack::start(10, "session");
    for mode in ClientMode::ALL {
        let through = transaction.ask(&transaction.pooled(), mode, 30, 3_000, 1).await;
        let is_right = matches!(mode, ClientMode::Simple | ClientMode::Typed);
        assert_eq!(through.is_clean(), is_right, "{mode}: {through:?}");
        assert_eq!(through.right + through.wrong + through.failed, 3_000, "{mode}: {through:?}");
        match mode {
            // Names differ within a process, so the statement is missed, and not taken for another's.
            ClientMode::Prepared => assert!(through.failed > 0 && through.wrong == 0, "{through:?}"),
            ClientMode::Split => {
                assert!(through.wrong > 0, "{through:?}");
                assert!(through.example.as_deref().is_some_and(|text| text.starts_with("asked for (")));
            }
            ClientMode::Simple | ClientMode::Typed => {}
        }
        for way in [Way::Direct, session.pooled()] {
            let findings = session.ask(&way, mode, 10, 300, 1).await;
            assert!(findings.is_clean(), "{mode} {way}: {findings:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_gives_connections_that_answer_typed_queries() {
    let stack = Stack::start(2, "transaction");
    let config = stack.pooled().config(&stack.postgres.url()).unwrap();
    let pool = pool(
        config,
        tls_connector(false, "").unwrap(),
        PoolOptions { max_size: 8, wait: Duration::from_secs(30) },
    )
    .unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..200_i64 {
        let pool = pool.clone();
        asking.spawn(async move {
            let client = pool.get().await.unwrap();
            let rows =
                rows(&client, ClientMode::Typed, "SELECT $1 * 2", &[(&number, Type::INT8)]).await.unwrap();
            (number, rows.first().unwrap().get::<_, i64>(0))
        });
    }
    while let Some(answer) = asking.join_next().await {
        let (number, doubled) = answer.unwrap();
        assert_eq!(doubled, number * 2);
    }
}

#[tokio::test]
async fn a_secret_made_from_the_password_is_the_servers_own() {
    let postgres = Postgres::start().unwrap();
    postgres.sql("CREATE ROLE plain LOGIN PASSWORD 'pa\"ss wörd'").unwrap();
    postgres.sql("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'old'").unwrap();
    let kept = postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'plain'").unwrap();
    let hba = postgres.sql("SHOW hba_file").unwrap();
    std::fs::write(hba, "local all all trust\nhost all postgres all trust\nhost all old all md5\nhost all all all scram-sha-256\n").unwrap();
    postgres.sql("SELECT pg_reload_conf()").unwrap();
    let secret = async |user: &str, password: &str| {
        let url = format!("postgres://{user}:{password}@127.0.0.1:{}/postgres", postgres.port());
        server_secret(&url.parse().unwrap(), &tls_connector(false, "").unwrap()).await
    };
    // The reload is done by and by.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while secret("plain", "wrong").await.is_ok() && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let made = secret("plain", "pa%22ss%20w%C3%B6rd").await.unwrap().unwrap();
    assert_eq!(made.to_string(), kept);
    assert_eq!(secret("postgres", "any").await.unwrap(), None);
    for (user, password, expected) in [
        ("plain", "wrong", "password authentication failed"),
        ("plain", "", "names no password"),
        ("old", "old", "by md5, expected scram-sha-256"),
    ] {
        let error = secret(user, password).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{user}: {error}");
    }
}
