//! Following a database by TLS: with passwords by SCRAM, and certificates that are looked at as the URL says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::{Companion, Redis, within};
use serde_json::Value;
use testbed::{Certificates, Postgres};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_looked_at_as_the_url_says() {
    let (here, elsewhere, other) = (
        Certificates::new().unwrap(),
        Certificates::in_the_name_of(&["elsewhere.example"]).unwrap(),
        Certificates::new().unwrap(),
    );
    let settings = ["wal_level=logical", "synchronous_commit=on"];
    let named = Postgres::start_secured_with(&here, &settings).unwrap();
    let misnamed = Postgres::start_secured_with(&elsewhere, &settings).unwrap();
    for postgres in [&named, &misnamed] {
        // PostgreSQL keeps it by SCRAM.
        postgres
            .sql("CREATE ROLE follower LOGIN SUPERUSER REPLICATION PASSWORD 'sesame'; CREATE TABLE a (id int PRIMARY KEY)")
            .unwrap();
    }
    let redis = Redis::start(&[]);
    let file = |certificates: &Certificates| certificates.ca().display().to_string();
    for (postgres, query, ca_file, expected) in [
        (&named, "", String::new(), None),
        (&named, "?sslmode=require", file(&here), None),
        (&named, &format!("?sslmode=verify-full&sslrootcert={}", file(&here)), String::new(), None),
        (&named, "?sslmode=require", file(&other), Some("certificate is not accepted")),
        (&named, "?sslmode=require", String::new(), Some("certificate is not accepted")),
        (&named, "?sslmode=disable", String::new(), Some("pg_hba.conf")),
        (&misnamed, "", String::new(), None),
        (&misnamed, "?sslmode=verify-ca", file(&elsewhere), None),
        (&misnamed, "?sslmode=verify-full", file(&elsewhere), Some("certificate is not accepted")),
        (&misnamed, "?sslmode=verify-ca", file(&other), Some("certificate is not accepted")),
    ] {
        let url = format!("postgres://follower:sesame@127.0.0.1:{}/postgres{query}", postgres.port());
        let what = format!("{query} {ca_file}");
        let companion = Companion::start(|config| {
            redis.configure(config);
            config.change_capture.enabled = true;
            config.change_capture.url = url.as_str().into();
            config.change_capture.tls_ca_file.clone_from(&ca_file);
        })
        .await;
        let report = async || -> Value {
            serde_json::from_slice(companion.get("/v1/query-cache").await.body()).unwrap()
        };
        match expected {
            None => {
                let follows = async || report().await["phase"] == "following";
                within(PATIENCE, &what, follows).await;
                let sql = "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                           WHERE application_name = 'slipstream change capture'";
                assert_eq!(postgres.sql(sql).unwrap(), "2|t", "{what}");
            }
            Some(expected) => {
                let is_said =
                    async || report().await["error"].as_str().is_some_and(|error| error.contains(expected));
                within(PATIENCE, &format!("{what}: {expected}"), is_said).await;
                assert!(!report().await.to_string().contains("sesame"), "{what}");
            }
        }
        companion.stop().await;
    }
}
