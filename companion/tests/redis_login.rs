//! Who may speak to Redis, and to which: certificates, users and passwords, and what is said of wrong ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Companion, Redis, addresses, within};
use slipstream::config::Config;
use testbed::{Certificates, RedisCluster, RedisOptions};

const KEY: &str = "GET shop.example/api/items#gzip";

fn text(path: &Path) -> String {
    path.display().to_string()
}

async fn assert_refused(companion: &Companion, expected: &str) {
    within(Duration::from_secs(5), expected, async || {
        assert_ne!(companion.status("/readyz").await, 200);
        companion.readiness().await.contains(expected)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_to_the_right_server_only() {
    let (certificates, strangers) = (Certificates::new().unwrap(), Certificates::new().unwrap());
    let args = ["--bind", "127.0.0.1", "127.0.0.2"].map(str::to_owned).to_vec();
    let tls = Some(certificates.folder().to_owned());
    let redis = testbed::Redis::start(RedisOptions { args, tls, ..RedisOptions::default() }).unwrap();
    let configure = |config: &mut Config| {
        config.redis.host = "localhost".to_owned();
        config.redis.port = redis.port();
        config.redis.tls = true;
        config.redis.tls_ca_file = text(&certificates.ca());
        config.redis.tls_cert_file = text(&certificates.cert());
        config.redis.tls_key_file = text(&certificates.key());
    };
    let companion = Companion::start(configure).await;
    companion.wait_ready().await;
    companion.fill(KEY, &[]).await;
    assert!(companion.has(KEY).await);

    let misled = Companion::start(|config| {
        configure(config);
        config.redis.tls_ca_file = text(&strangers.ca());
    })
    .await;
    assert_refused(&misled, "invalid peer certificate: UnknownIssuer").await;

    let elsewhere = Companion::start(|config| {
        configure(config);
        config.redis.host = "127.0.0.2".to_owned();
    })
    .await;
    assert_refused(&elsewhere, "127.0.0.2").await;
    assert_refused(&elsewhere, "certificate not valid for name").await;

    let stranger = Companion::start(|config| {
        configure(config);
        config.redis.tls_cert_file = text(&strangers.cert());
        config.redis.tls_key_file = text(&strangers.key());
    })
    .await;
    assert_refused(&stranger, &format!("localhost:{}: ", redis.port())).await;

    let plain = Companion::start(|config| {
        configure(config);
        config.redis.tls = false;
    })
    .await;
    assert_refused(&plain, &format!("localhost:{}: ", redis.port())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_of_a_cluster_is_spoken_to_by_tls() {
    let certificates = Certificates::new().unwrap();
    let tls = Some(certificates.folder().to_owned());
    let cluster = RedisCluster::start_with(&RedisOptions { tls, ..RedisOptions::default() }).unwrap();
    let companion = Companion::start(|config| {
        config.redis.cluster_nodes = addresses(&cluster.addresses());
        config.redis.timeout_ms = 2_000;
        config.redis.tls = true;
        config.redis.tls_ca_file = text(&certificates.ca());
        config.redis.tls_cert_file = text(&certificates.cert());
        config.redis.tls_key_file = text(&certificates.key());
    })
    .await;
    companion.wait_ready().await;
    for number in 0..30 {
        let key = format!("GET shop.example/api/items/{number}#gzip");
        companion.fill(&key, &[]).await;
        assert!(companion.has(&key).await);
    }
    assert!(cluster.sizes().iter().all(|size| *size > 2), "{:?}", cluster.sizes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_let_in_by_name_and_password() {
    let redis =
        Redis::start(&["--user", "default", "off", "--user", "cache", "on", ">sesame", "~*", "+@all"]);
    for (user, password, refused) in [
        ("cache", "sesame", None),
        (
            "cache",
            "barley",
            Some("redis.username and redis.password refused: Password authentication failed"),
        ),
        ("", "sesame", Some("redis.username and redis.password refused: Password authentication failed")),
        ("", "", Some("NOAUTH")),
    ] {
        let companion = Companion::start(|config| {
            redis.configure(config);
            config.redis.username = user.to_owned();
            config.redis.password = password.into();
        })
        .await;
        match refused {
            Some(reason) => assert_refused(&companion, reason).await,
            None => {
                companion.wait_ready().await;
                companion.fill(KEY, &[]).await;
            }
        }
    }
}
