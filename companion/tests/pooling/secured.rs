//! TLS from client to server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use testbed::{Certificates, Postgres};

use crate::stack::{Stack, prepare, url};

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
