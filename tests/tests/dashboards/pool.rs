//! A PgBouncer with one connection to PostgreSQL and three clients that want it all the time.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use testbed::{PgBouncer, PgBouncerOptions, Postgres, Tool};

const DATABASE: &str = "postgres";
const USER: &str = "postgres";

/// They stop when it is dropped.
pub struct Pool {
    clients: Vec<Child>,
    // Fields drop in order: the pooler stops before its server.
    pgbouncer: PgBouncer,
    _postgres: Postgres,
}

impl Pool {
    pub fn start() -> Pool {
        let postgres = Postgres::start().unwrap();
        let target = format!("host=127.0.0.1 port={}", postgres.port());
        let pgbouncer = PgBouncer::start(&PgBouncerOptions {
            databases: vec![(DATABASE.to_owned(), target)],
            settings: vec!["default_pool_size = 1".to_owned()],
        })
        .unwrap();
        let psql = Tool::Postgres.path().unwrap().with_file_name("psql");
        let client = || {
            let mut client = Command::new(&psql)
                .args(["-X", &pgbouncer.url(USER, DATABASE)])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Again and again, a tenth of a second after each answer.
            client.stdin.take().unwrap().write_all(b"SELECT pg_sleep(0.2) \\watch 0.1\n").unwrap();
            client
        };
        let clients = vec![client(), client(), client()];
        Pool { clients, pgbouncer, _postgres: postgres }
    }

    /// What has a companion read its figures each second.
    pub fn companion_env(&self) -> [(&'static str, String); 4] {
        [
            ("PGBOUNCER_PORT", self.pgbouncer.port().to_string()),
            ("SLIPSTREAM_POOLING__ADMIN_USER", USER.to_owned()),
            // It trusts everyone, but without a password nobody is asked.
            ("SLIPSTREAM_POOLING__ADMIN_PASSWORD", "any".to_owned()),
            ("SLIPSTREAM_POOLING__POLL_INTERVAL_MS", "1000".to_owned()),
        ]
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for client in &mut self.clients {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}
