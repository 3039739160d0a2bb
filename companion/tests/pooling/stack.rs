//! PostgreSQL that asks for passwords, PgBouncer on a configuration that was rendered for it, and the command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use testbed::{PgBouncer, Postgres, wait_until};

/// A PostgreSQL that wants passwords over TCP, with two databases and their users.
pub fn database_server(max_connections: u32) -> Postgres {
    let postgres = Postgres::start_with(&[&format!("max_connections={max_connections}")]).unwrap();
    prepare(&postgres, "host");
    postgres
}

/// Makes users and databases, and has the server ask for passwords on connections of this kind only.
pub fn prepare(postgres: &Postgres, kind: &str) {
    for sql in [
        "CREATE ROLE work LOGIN PASSWORD 'work''s \"own\"'",
        "CREATE ROLE capital LOGIN PASSWORD 'capital'",
        "CREATE ROLE guest LOGIN PASSWORD 'guest'",
        "CREATE ROLE asker LOGIN PASSWORD 'asker'",
        "CREATE DATABASE \"APPS-WORKSPACE\" OWNER work",
        "CREATE DATABASE \"APPS-TPCAPITAL\" OWNER capital",
    ] {
        postgres.sql(sql).unwrap();
    }
    let hba = postgres.sql("SHOW hba_file").unwrap();
    let lines = format!("host all postgres all trust\n{kind} all all all scram-sha-256\n");
    fs::write(hba, lines).unwrap();
    postgres.sql("SELECT pg_reload_conf()").unwrap();
    let refuses = || {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-w", "-c", "SELECT 1"]).arg(url(postgres, "guest", "no", "postgres"));
        psql.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| !status.success())
    };
    assert!(wait_until(Duration::from_secs(20), refuses), "passwords are asked for");
}

pub fn url(postgres: &Postgres, user: &str, password: &str, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", postgres.port())
}

/// Settings for this server, as variables of the environment.
pub fn environment(postgres: &Postgres, folder: &Path, port: u16) -> Vec<(String, String)> {
    let file = |name: &str| folder.join(name).display().to_string();
    [
        ("SLIPSTREAM_WORKSPACE__URL", url(postgres, "work", "work%27s%20%22own%22", "APPS-WORKSPACE")),
        ("SLIPSTREAM_TP_CAPITAL__URL", url(postgres, "capital", "capital", "APPS-TPCAPITAL")),
        ("SLIPSTREAM_POOLING__CONFIG_FILE", file("pgbouncer.ini")),
        ("SLIPSTREAM_POOLING__USERLIST_FILE", file("userlist.txt")),
        ("SLIPSTREAM_POOLING__ADMIN_PASSWORD", "console's".to_owned()),
        ("PGBOUNCER_PORT", port.to_string()),
        ("USE_PGBOUNCER", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// What one run of the command came to.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(arguments: &[&str], environment: &[(String, String)], more: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    command
        .arg("pooling")
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .envs(more.iter().copied());
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

pub struct Stack {
    pub pgbouncer: PgBouncer,
    environment: Vec<(String, String)>,
    pub postgres: Postgres,
}

impl Stack {
    pub fn start(more: &[(&str, &str)]) -> Self {
        Self::start_on(database_server(100), |_| more.to_vec())
    }

    /// `more` settings may name files in the folder of the configuration.
    pub fn start_on<'a>(postgres: Postgres, more: impl FnOnce(&Path) -> Vec<(&'a str, &'a str)>) -> Self {
        let mut kept = Vec::new();
        let pgbouncer = PgBouncer::start_configured(|folder, port| {
            kept = environment(&postgres, folder, port);
            kept.extend(more(folder).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
            let ran = run(&["render"], &kept, &[]);
            anyhow::ensure!(ran.status == 0, "{ran:?}");
            Ok(())
        })
        .unwrap();
        Self { pgbouncer, environment: kept, postgres }
    }

    pub fn run(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ran {
        run(arguments, &self.environment, more)
    }

    /// What psql prints for this user through PgBouncer, or its error.
    pub fn ask(&self, user: &str, password: &str, database: &str, sql: &str) -> String {
        let url = format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.pgbouncer.port());
        let output = Command::new("psql").args(["-X", "-w", "-A", "-t", "-c", sql, &url]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap().trim_end().to_owned()
    }
}
