//! What is wrong from the start: each a clear error, and nothing half done.

use std::path::Path;

use migrations::{Endpoint, Migrator, Observer, Series, Source, Target, connect};

use testbed::{Certificates, PgBouncer, PgBouncerOptions, Postgres};

use crate::support::{self, POSTGRES, client, database, migrator, options};

#[tokio::test]
async fn a_mistake_in_the_middle_leaves_what_came_before() {
    let endpoint = database("bad_syntax");
    let first = ("001_a.sql", "CREATE TABLE a (b int);");
    let wrong = ("002_b.sql", "CREATE TABLE b (c int);\n\n-- é\nALTER TABLE b ADD COLUM d int int;\n");
    let last = ("003_c.sql", "CREATE TABLE c (d int);");
    let migrator_of = |second| {
        let endpoint = endpoint.clone();
        async move { migrator(&endpoint, &[first, second, last]).await }
    };
    let error = migrator_of(wrong).await.up(None).await.unwrap_err().to_string();
    assert!(error.starts_with("002_b.sql, line 4: syntax error at or near \"int\""), "{error}");
    assert!(error.contains("It was rolled back"), "{error}");
    let tables = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace = 'workspace'::regnamespace";
    let tables = client(&endpoint).await.query_one(tables, &[]).await.unwrap().get::<_, String>(0);
    assert_eq!(tables, "a,schema_version");
    let status = migrator_of(wrong).await.status().await.unwrap();
    assert_eq!((status.version(), status.due()), (1, 2), "{status:?}");
    // Corrected, it goes on where it stopped.
    let right = ("002_b.sql", "CREATE TABLE b (c int);\nALTER TABLE b ADD COLUMN d int;\n");
    assert_eq!(migrator_of(right).await.up(None).await.unwrap(), [2, 3]);
}

#[test]
fn gaps_and_twins_are_refused_before_anything_runs() {
    for (files, expected) in [
        (&["001_a.sql", "003_b.sql"][..], "003_b.sql: number 3 follows 1: 2 is missing"),
        (&["001_a.sql", "001_b.sql"], "001_b.sql: has the number 1 as 001_a.sql has"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workspace")).unwrap();
        for file in files {
            std::fs::write(folder.path().join("workspace").join(file), "SELECT 1;").unwrap();
        }
        let error = Source::Folder(folder.path().to_owned()).read(Target::Workspace).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error =
        Source::Folder(Path::new("/nowhere").to_owned()).read(Target::Workspace).unwrap_err().to_string();
    assert!(error.contains("/nowhere/workspace: cannot read it: No such file"), "{error}");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_with_the_remedy() {
    let server = format!("127.0.0.1:{}", POSTGRES.port());
    let closed = testbed::ports::free();
    for (url, expected) in [
        (
            format!("postgres://postgres@{server}/nowhere"),
            &["database \"nowhere\" at 127.0.0.1", "createdb"][..],
        ),
        (format!("postgres://postgres@127.0.0.1:{closed}/a"), &["Is PostgreSQL running there"]),
        (format!("postgres://nobody@{server}/postgres"), &["role \"nobody\" does not exist", "pg_hba.conf"]),
        ("nonsense".to_owned(), &["its URL is none of PostgreSQL"]),
        (format!("postgres://postgres@{server}/postgres?sslmode=require"), &["TLS"]),
    ] {
        let error =
            connect(&Endpoint { url, tls_ca_file: String::new() }, "test").await.unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
    }
}

#[tokio::test]
async fn a_pooler_is_refused_whatever_it_lets_pass() {
    let target = format!("host=127.0.0.1 port={} user=postgres", POSTGRES.port());
    let direct = database("behind_a_pooler");
    for (setting, expected) in [
        ("default_pool_size = 2", "unsupported startup parameter"),
        ("ignore_startup_parameters = options", "has not come to the server"),
    ] {
        let options = PgBouncerOptions {
            databases: vec![("behind_a_pooler".to_owned(), target.clone())],
            settings: vec![setting.to_owned()],
        };
        let pooler = PgBouncer::start(&options).unwrap();
        let pooled = pooler.url("postgres", "behind_a_pooler");
        // With what a URL of its own asks for, too.
        for url in [pooled.clone(), format!("{pooled}?sslmode=disable&options=-c%20work_mem%3D8MB")] {
            let endpoint = Endpoint { url: url.clone(), ..Endpoint::default() };
            let series = Source::BuiltIn.read(Target::Workspace).unwrap();
            let observer = Observer::silent();
            let refused =
                Migrator::connect(&endpoint, Target::Workspace, series, support::options(), observer).await;
            let error = refused.unwrap_err().to_string();
            for part in [expected, "This looks like a pooler", "the URL of PostgreSQL itself"] {
                assert!(error.contains(part), "{setting}, {url}: {error:?} lacks {part:?}");
            }
        }
    }
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'workspace'";
    let schemas: i64 = client(&direct).await.query_one(schemas, &[]).await.unwrap().get(0);
    assert_eq!(schemas, 0, "nothing was done through the pooler");
}

#[tokio::test]
async fn passwords_and_certificates_are_checked() {
    let certificates = Certificates::new().unwrap();
    let server = Postgres::start_secured(&certificates).unwrap();
    server.sql("CREATE ROLE locked LOGIN PASSWORD 'sesame'").unwrap();
    let url = |password: &str, more: &str| {
        format!("postgres://locked:{password}@127.0.0.1:{}/postgres{more}", server.port())
    };
    let ca = certificates.ca().display().to_string();
    for (url, tls_ca_file, expected) in [
        // Encrypted, but not knowing by whom, as psql does.
        (url("sesame", ""), "", None),
        (url("sesame", "?sslmode=require"), ca.as_str(), None),
        (url("sesame", "?sslmode=require"), "", Some("set tls_ca_file")),
        (url("sesame", "?sslmode=require"), "/nowhere", Some("cannot use tls_ca_file /nowhere")),
        (url("sesame", "?sslmode=disable"), "", Some("add sslmode=require")),
        (url("wrong-one", ""), "", Some("The password in the URL is not this user's")),
    ] {
        let endpoint = Endpoint { url: url.clone(), tls_ca_file: tls_ca_file.to_owned() };
        match (connect(&endpoint, "test").await, expected) {
            (Ok(client), None) => {
                let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
                assert!(client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0), "{url}");
            }
            (Err(error), Some(expected)) => {
                let error = error.to_string();
                assert!(error.contains(expected), "{url}: {error}");
                assert!(!error.contains("wrong-one") && !error.contains("sesame"), "{error}");
            }
            (result, _) => panic!("{url}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_record_of_another_tool_is_not_touched() {
    let endpoint = database("bad_ledger");
    let client = client(&endpoint).await;
    client
        .batch_execute("CREATE SCHEMA workspace; CREATE TABLE workspace.schema_version (version text, installed_on date)")
        .await
        .unwrap();
    let migrator = migrator(&endpoint, &[("001_a.sql", "CREATE TABLE a (b int);")]).await;
    let error = migrator.up(None).await.unwrap_err().to_string();
    assert!(error.contains("workspace.schema_version is another tool's: rename it"), "{error}");
}

#[tokio::test]
async fn what_a_role_may_not_do_is_said() {
    let endpoint = database("bad_role");
    POSTGRES.sql("CREATE ROLE weak LOGIN").unwrap();
    let url = endpoint.url.replace("postgres@", "weak@");
    let weak = Endpoint { url, tls_ca_file: String::new() };
    let series = Series::new([("001_a.sql", "CREATE TABLE a (b int);")]).unwrap();
    let migrator =
        Migrator::connect(&weak, Target::Workspace, series, options(), Observer::silent()).await.unwrap();
    let error = migrator.up(None).await.unwrap_err().to_string();
    assert!(error.contains("making workspace.schema_version: permission denied"), "{error}");
}
