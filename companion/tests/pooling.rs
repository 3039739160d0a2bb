//! PgBouncer by `slipstream pooling`: real servers on configurations that it rendered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[macro_use]
mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{Companion, within};
use pooled_postgres::ClientMode;
use slipstream::config::{Config, Secret};
use testbed::{Certificates, PgBouncer, Postgres, wait_until};

/// A PostgreSQL that wants passwords over TCP, with two databases and their users.
fn database_server(max_connections: u32) -> Postgres {
    let postgres = Postgres::start_with(&[&format!("max_connections={max_connections}")]).unwrap();
    prepare(&postgres, "host");
    postgres
}

/// Makes users and databases, and has the server ask for passwords on connections of this kind only.
fn prepare(postgres: &Postgres, kind: &str) {
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

fn url(postgres: &Postgres, user: &str, password: &str, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", postgres.port())
}

/// Settings for this server, as variables of the environment.
fn environment(postgres: &Postgres, folder: &Path, port: u16) -> Vec<(String, String)> {
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
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str], environment: &[(String, String)], more: &[(&str, &str)]) -> Ran {
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

struct Stack {
    pgbouncer: PgBouncer,
    environment: Vec<(String, String)>,
    postgres: Postgres,
}

impl Stack {
    fn start(more: &[(&str, &str)]) -> Self {
        Self::start_on(database_server(100), |_| more.to_vec())
    }

    /// `more` settings may name files in the folder of the configuration.
    fn start_on<'a>(postgres: Postgres, more: impl FnOnce(&Path) -> Vec<(&'a str, &'a str)>) -> Self {
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

    fn run(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ran {
        run(arguments, &self.environment, more)
    }

    /// What psql prints for this user through PgBouncer, or its error.
    fn ask(&self, user: &str, password: &str, database: &str, sql: &str) -> String {
        let url = format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.pgbouncer.port());
        let output = Command::new("psql").args(["-X", "-w", "-A", "-t", "-c", sql, &url]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap().trim_end().to_owned()
    }
}

#[test]
fn users_of_the_urls_get_in_by_their_own_passwords_and_nobody_else_does() {
    let stack = Stack::start(&[]);
    let who = "SELECT current_user || ' in ' || current_database()";
    let own = "work%27s%20%22own%22";
    assert_eq!(stack.ask("work", own, "APPS-WORKSPACE", who), "work in APPS-WORKSPACE");
    assert_eq!(stack.ask("capital", "capital", "APPS-TPCAPITAL", who), "capital in APPS-TPCAPITAL");
    for (user, password, database) in [
        ("work", "wrong", "APPS-WORKSPACE"),
        ("guest", "guest", "APPS-WORKSPACE"),
        ("slipstream", "wrong", "pgbouncer"),
        ("work", own, "postgres"),
        ("work", own, "pgbouncer"),
    ] {
        let answer = stack.ask(user, password, database, "SELECT 1");
        assert!(answer.contains("FATAL") || answer.contains("error"), "{user} {database}: {answer}");
    }
    for name in ["pgbouncer.ini", "userlist.txt"] {
        let file = stack.pgbouncer.folder().join(name);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("own\"") && !text.contains("console's"), "{text}");
    }
}

#[test]
fn migrations_do_not_pass() {
    let stack = Stack::start(&[]);
    let pooled =
        format!("postgres://work:work%27s%20%22own%22@127.0.0.1:{}/APPS-WORKSPACE", stack.pgbouncer.port());
    for command in ["up", "status", "plan"] {
        let mut migrate = Command::new(env!("CARGO_BIN_EXE_slipstream"));
        migrate.args(["migrate", command]).env_clear().env("SLIPSTREAM_WORKSPACE__URL", &pooled);
        let output = migrate.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("This looks like a pooler") && !said.contains("own"), "{command}: {said}");
    }
    let direct = url(&stack.postgres, "work", "work%27s%20%22own%22", "APPS-WORKSPACE");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'workspace'";
    let psql = Command::new("psql").args(["-X", "-A", "-t", "-c", schemas, &direct]).output().unwrap();
    assert_eq!(String::from_utf8(psql.stdout).unwrap(), "0\n");
}

#[test]
fn users_who_are_not_listed_get_in_by_the_query() {
    let page = include_str!("../../docs/POOLING.md");
    let (_, rest) = page.split_once("```sql\n").unwrap();
    let (function, _) = rest.split_once("```").unwrap();
    let stack = Stack::start(&[
        ("SLIPSTREAM_POOLING__AUTH_USER", "asker"),
        ("SLIPSTREAM_POOLING__AUTH_PASSWORD", "asker"),
        ("SLIPSTREAM_POOLING__USERS_PER_DATABASE", "2"),
    ]);
    let admin = url(&stack.postgres, "postgres", "x", "APPS-WORKSPACE");
    let function = function.replace("pgbouncer_asker", "asker");
    let made =
        Command::new("psql").args(["-X", "-v", "ON_ERROR_STOP=1", "-c", &function, &admin]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(stack.ask("guest", "guest", "APPS-WORKSPACE", "SELECT current_user"), "guest");
    let refused = stack.ask("guest", "wrong", "APPS-WORKSPACE", "SELECT 1");
    assert!(refused.contains("FATAL"), "{refused}");
    // The function tells nobody else, and nothing of administrators.
    let told = stack.ask("guest", "guest", "APPS-WORKSPACE", "SELECT * FROM pgbouncer_user('guest')");
    assert!(told.contains("permission denied"), "{told}");
    let asked =
        stack.ask("asker", "asker", "APPS-WORKSPACE", "SELECT count(*) FROM pgbouncer_user('postgres')");
    assert_eq!(asked, "0");
}

#[test]
fn a_change_is_told_written_and_in_force_at_once() {
    let stack = Stack::start(&[]);
    let file = stack.pgbouncer.folder().join("pgbouncer.ini");
    let owner = fs::metadata(&file).unwrap().uid();
    let ran = stack.run(&["apply"], &[]);
    assert!(ran.status == 0 && ran.stdout.starts_with("nothing changes\n"), "{ran:?}");
    let change = [
        ("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "7"),
        ("SLIPSTREAM_POOLING__SERVER_IDLE_TIMEOUT_SECONDS", "60"),
    ];
    let ran = stack.run(&["apply", "--dry-run"], &change);
    assert!(
        ran.status == 0
            && ran.stdout.contains("~ default_pool_size: 20 → 7")
            && ran.stdout.ends_with("nothing was written\n"),
        "{ran:?}"
    );
    assert!(fs::read_to_string(&file).unwrap().contains("default_pool_size = 20"));
    let ran = stack.run(&["apply"], &change);
    assert!(ran.status == 0 && ran.stdout.contains("~ server_idle_timeout: 600 → 60"), "{ran:?}");
    let shown = stack.ask("slipstream", "console%27s", "pgbouncer", "SHOW CONFIG");
    assert!(shown.contains("default_pool_size|7|") && shown.contains("server_idle_timeout|60|"), "{shown}");
    // It can still be read by the user that PgBouncer runs as.
    assert_eq!(fs::metadata(&file).unwrap().uid(), owner);
    assert_eq!(stack.ask("capital", "capital", "APPS-TPCAPITAL", "SELECT 1"), "1");

    // A user's new password is in force too, and its old one is not.
    stack.postgres.sql("ALTER ROLE capital PASSWORD 'new'").unwrap();
    let new = url(&stack.postgres, "capital", "new", "APPS-TPCAPITAL");
    let ran = stack.run(&["apply"], &[change[0], change[1], ("SLIPSTREAM_TP_CAPITAL__URL", &new)]);
    assert!(ran.status == 0 && ran.stdout.starts_with("~ user capital: one secret → another\n"), "{ran:?}");
    assert_eq!(stack.ask("capital", "new", "APPS-TPCAPITAL", "SELECT 1"), "1");
    assert!(stack.ask("capital", "capital", "APPS-TPCAPITAL", "SELECT 1").contains("FATAL"));

    // What a running PgBouncer cannot change is said, and the status tells.
    let ran = stack.run(
        &["apply"],
        &[("SLIPSTREAM_POOLING__LISTEN_ADDR", "127.0.0.2"), ("SLIPSTREAM_TP_CAPITAL__URL", &new)],
    );
    assert!(ran.status == 1 && ran.stdout.contains("not in force before a restart: listen_addr"), "{ran:?}");
}

#[test]
fn an_answer_of_another_client_is_found() {
    let stack = Stack::start(&[("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "3")]);
    let clients = ["--clients", "16", "--queries", "3000"];
    for (arguments, status, expected) in [
        (&["check"][..], 0, "3000 right, 0 wrong, 0 failed"),
        (&["check", "--mode", "simple", "--database", "tp-capital"], 0, "3000 right, 0 wrong, 0 failed"),
        (&["check", "--mode", "prepared"], 1, "max_prepared_statements is above 0"),
        (&["check", "--mode", "split"], 1, "a wrong answer, without an error: asked for ("),
        (&["check", "--mode", "prepared", "--direct"], 0, "mode prepared is right here"),
        (&["check", "--mode", "cached"], 2, "\"simple\", \"typed\", \"prepared\" or \"split\""),
    ] {
        let ran = stack.run(&[arguments, &clients].concat(), &[]);
        assert_eq!(ran.status, status, "{arguments:?}: {ran:?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(expected), "{arguments:?}: {ran:?}");
    }
    let ran = stack.run(&[&["check", "--json"][..], &clients].concat(), &[]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report.get("clean"), Some(&serde_json::Value::Bool(true)), "{report}");
    assert_eq!(report.get("right"), Some(&serde_json::json!(3000)), "{report}");

    let ran = stack.run(&["status"], &[]);
    assert!(ran.status == 0 && ran.stdout.contains("PgBouncer 1.18.0 at 127.0.0.1:"), "{ran:?}");
    assert!(ran.stdout.contains("APPS-WORKSPACE  work     transaction"), "{ran:?}");
    let ran = stack.run(&["status", "--json"], &[]);
    let figures: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let queries = figures.pointer("/stats/0/queries").and_then(serde_json::Value::as_u64).unwrap();
    assert!(queries >= 3_000, "{figures}");
}

#[test]
fn all_the_way_by_tls() {
    let certificates = Certificates::new().unwrap();
    let postgres = Postgres::start_secured(&certificates).unwrap();
    prepare(&postgres, "hostssl");
    let secured = |user: &str, password: &str, database: &str| {
        format!("{}?sslmode=require", url(&postgres, user, password, database))
    };
    let workspace = secured("work", "work%27s%20%22own%22", "APPS-WORKSPACE");
    let capital = secured("capital", "capital", "APPS-TPCAPITAL");
    let ca = certificates.folder().join("ca.pem").display().to_string();
    let own = tempfile::tempdir().unwrap();
    fs::set_permissions(own.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = |name: &str| {
        let path = own.path().join(name);
        fs::copy(certificates.folder().join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path.display().to_string()
    };
    let (cert, key) = (copy("cert.pem"), copy("key.pem"));
    let stack = Stack::start_on(postgres, |_| {
        vec![
            ("SLIPSTREAM_WORKSPACE__URL", &workspace),
            ("SLIPSTREAM_WORKSPACE__TLS_CA_FILE", &ca),
            ("SLIPSTREAM_TP_CAPITAL__URL", &capital),
            ("SLIPSTREAM_TP_CAPITAL__TLS_CA_FILE", &ca),
            ("SLIPSTREAM_POOLING__CLIENT_TLS_MODE", "require"),
            ("SLIPSTREAM_POOLING__CLIENT_TLS_CERT_FILE", &cert),
            ("SLIPSTREAM_POOLING__CLIENT_TLS_KEY_FILE", &key),
            ("SLIPSTREAM_POOLING__TLS_CA_FILE", &ca),
            ("SLIPSTREAM_POOLING__SERVER_TLS_MODE", "require"),
        ]
    });
    for mode in ["typed", "split"] {
        let ran = stack.run(&["check", "--mode", mode, "--clients", "3", "--queries", "60"], &[]);
        assert!(ran.stdout.contains(" right, ") && !ran.stdout.contains("60 failed"), "{mode}: {ran:?}");
        assert!(mode == "split" || ran.status == 0, "{mode}: {ran:?}");
        let ran = stack.run(&["check", "--mode", mode, "--direct", "--clients", "3", "--queries", "60"], &[]);
        assert_eq!(ran.status, 0, "{mode}: {ran:?}");
    }
    let ran = stack.run(&["apply"], &[]);
    assert!(ran.status == 0 && ran.stdout.starts_with("nothing changes"), "{ran:?}");
    let plain = stack.run(&["status"], &[("SLIPSTREAM_POOLING__CLIENT_TLS_MODE", "disable")]);
    assert!(plain.status == 1 && plain.stderr.contains("cannot be used"), "{plain:?}");
    // Whoever signed it is not trusted by the system.
    let ran = stack.run(&["render", "--stdout"], &[("SLIPSTREAM_WORKSPACE__TLS_CA_FILE", "")]);
    assert!(ran.status != 0, "{ran:?}");
}

#[test]
fn what_cannot_be_is_refused_with_the_remedy() {
    let postgres = database_server(40);
    let folder = tempfile::tempdir().unwrap();
    let settings = environment(&postgres, folder.path(), 1);
    let elsewhere =
        url(&postgres, "work", "work%27s%20%22own%22", "APPS-WORKSPACE").replace("127.0.0.1", "localhost");
    let wrong = url(&postgres, "work", "wrong", "APPS-WORKSPACE");
    let nameless = format!("postgres://127.0.0.1:{}/x", postgres.port());
    let unlistable = url(&postgres, "capital", "capital", "two%20words");
    let absent = url(&postgres, "capital", "capital", "absent");
    for (more, status, expected) in [
        (
            &[][..],
            2,
            &["pooling.default_pool_size", "room for 27", "expected at most 13, or max_connections = 53"][..],
        ),
        (
            &[("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "0")],
            2,
            &["pooling.default_pool_size", "from 1 to 10000"],
        ),
        (&[("SLIPSTREAM_POOLING__MODE", "statemnt")], 2, &["pooling.mode", "`statemnt`", "`transaction`"]),
        (
            &[("SLIPSTREAM_POOLING__MAX_PREPARED_STATEMENTS", "100")],
            2,
            &["pooling.max_prepared_statements", "1.21 and later"],
        ),
        (
            &[("SLIPSTREAM_POOLING__CLIENT_MODE", "prepared")],
            2,
            &["pooling.client_mode", "expected \"typed\""],
        ),
        (
            &[("SLIPSTREAM_POOLING__MIN_POOL_SIZE", "21")],
            2,
            &["pooling.min_pool_size", "at most pooling.default_pool_size (20)"],
        ),
        (
            &[("SLIPSTREAM_POOLING__MAX_CLIENT_CONN", "10")],
            2,
            &["pooling.default_pool_size", "at most pooling.max_client_conn (10)"],
        ),
        (&[("SLIPSTREAM_POOLING__AUTH_USER", "asker")], 2, &["pooling.auth_password", "empty"]),
        (&[("SLIPSTREAM_POOLING__CLIENT_TLS_MODE", "require")], 2, &["pooling.client_tls_cert_file", "PEM"]),
        (&[("SLIPSTREAM_POOLING__VERSION", "new")], 2, &["pooling.version", "\"new\"", "such as \"1.18\""]),
        (&[("SLIPSTREAM_POOLING__AUTH_QUERY", "a\nb")], 2, &["pooling.auth_query", "without line breaks"]),
        (
            &[("SLIPSTREAM_TP_CAPITAL__URL", &elsewhere)],
            2,
            &["tp_capital.url", "expected another name than that of workspace.url"],
        ),
        (
            &[("SLIPSTREAM_TP_CAPITAL__URL", &unlistable)],
            2,
            &["tp_capital.url", "two words", "PgBouncer can list no other"],
        ),
        (&[("SLIPSTREAM_TP_CAPITAL__URL", &nameless)], 2, &["tp_capital.url", "names no user"]),
        (
            &[("SLIPSTREAM_WORKSPACE__URL", ""), ("SLIPSTREAM_TP_CAPITAL__URL", "")],
            2,
            &["workspace.url", "expected the direct URL"],
        ),
        (&[("SLIPSTREAM_WORKSPACE__URL", &wrong)], 1, &["workspace.url", "password authentication failed"]),
        (&[("SLIPSTREAM_TP_CAPITAL__URL", &absent)], 1, &["tp_capital.url", "\"absent\" does not exist"]),
    ] {
        let ran = run(&["render"], &settings, more);
        assert_eq!(ran.status, status, "{more:?}: {ran:?}");
        for part in expected {
            assert!(ran.stderr.contains(part), "{more:?}: {:?} lacks {part:?}", ran.stderr);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{more:?}");
    }
    let fits = [("SLIPSTREAM_POOLING__DEFAULT_POOL_SIZE", "13")];
    let ran = run(&["render", "--stdout"], &settings, &fits);
    assert!(ran.status == 0 && ran.stdout.contains("APPS-WORKSPACE = host='127.0.0.1'"), "{ran:?}");
    // Nobody listens where PgBouncer should be: nothing is written.
    let ran = run(&["apply"], &settings, &fits);
    assert!(
        ran.status == 1 && ran.stderr.contains("PgBouncer's console at 127.0.0.1:1 cannot be used"),
        "{ran:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let ran = run(&["render"], &settings, &fits);
    assert!(ran.status == 0 && ran.stdout.contains("LimitNOFILE=1042"), "{ran:?}");
    let ran = run(&["status"], &settings, &[("SLIPSTREAM_POOLING__ADMIN_PASSWORD", "")]);
    assert!(ran.status == 1 && ran.stderr.contains("pooling.admin_password is empty"), "{ran:?}");
}

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
