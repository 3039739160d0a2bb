//! Settings that cannot be, each refused with the remedy and with nothing written.

use std::fs;

use crate::stack::{database_server, environment, run, url};

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
