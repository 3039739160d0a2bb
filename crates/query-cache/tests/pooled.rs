//! Behind PgBouncer in transaction mode every answer is the asker's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{World, hits, metric, text, trusted};
use testbed::{Launch, Process, ports, temp_dir};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

fn pooler(postgres: u16, folder: &std::path::Path) -> (Process, u16) {
    let port = ports::free();
    let settings = format!(
        "[databases]\n* = host=127.0.0.1 port={postgres} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 500\n"
    );
    // It does not run as root, and has to read its settings as whom it runs.
    let file = std::path::PathBuf::from(format!("/tmp/pgbouncer-{port}.ini"));
    std::fs::write(&file, settings).unwrap();
    let launch =
        Launch::new("pgbouncer", PROGRAM, folder).args(["-u", "postgres", &file.display().to_string()]);
    let ready = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let process = launch.start(ready).unwrap();
    std::fs::remove_file(file).unwrap();
    (process, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PgBouncer, which cargo xtask setup does not install yet"]
async fn every_answer_is_the_askers_own() {
    let schema = "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT i, 'x' || i FROM generate_series(0, 499) i";
    let world = World::start(schema, |_| {}).await;
    let folder = temp_dir("pgbouncer").unwrap();
    let (_pooler, port) = pooler(world.postgres.port(), folder.path());
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let mut options = common::options(&world.redis);
    options.pooled = true;
    let cache = query_cache::QueryCache::new(common::pool(&url, 40), options);
    trusted(&cache).await;
    let tasks: Vec<_> = (0..2_000_i32)
        .map(|number| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let id = number % 500;
                let own = format!("SELECT x || '{id}' FROM a WHERE id = {id}");
                assert_eq!(text(&cache.query(&own, &[]).await.unwrap()), format!("x{id}{id}"));
                let shared = "SELECT x FROM a WHERE id = $1";
                assert_eq!(text(&cache.query(shared, &[&id]).await.unwrap()), format!("x{id}"));
                let past = "SELECT $1::text FROM a WHERE now() > 'epoch' LIMIT 1";
                let word = format!("w{number}");
                assert_eq!(text(&cache.query(past, &[&word]).await.unwrap()), word);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let bypasses =
        ["statement", "table", "connection", "behind", "parameters", "flight", "unanchored"].map(|reason| {
            (reason, metric(&cache, "slipstream_query_cache_bypasses_total", &format!("reason={reason}")))
        });
    let explained = cache.explain("SELECT x FROM a WHERE id = $1").await;
    assert!(hits(&cache) > 500.0, "{} hits; {bypasses:?}; {explained:?}", hits(&cache));
    assert!(metric(&cache, "opt005_db_query_cache_misses_total", "") > 500.0);
    for number in 0..50 {
        world.postgres.sql(&format!("UPDATE a SET x = 'y{number}' WHERE id = 7")).unwrap();
        common::within("the write is seen", async || {
            text(&cache.query("SELECT x FROM a WHERE id = $1", &[&7]).await.unwrap()) == format!("y{number}")
        })
        .await;
    }
    let mut session = cache.session().await.unwrap();
    assert_eq!(text(&session.query("SELECT x FROM a WHERE id = $1", &[&7]).await.unwrap()), "y49");
}
