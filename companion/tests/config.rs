//! Settings: where they come from, and what is said about wrong ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use slipstream::config::{Address, Config, ConfigError, LogFormat};

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slipstream.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load_with(Some(&path), environment)
}

#[test]
fn nothing_set_means_the_defaults() {
    assert_eq!(Config::load_with(None, []), Ok(Config::default()));
    assert_eq!(load("", &[]), Ok(Config::default()));
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let example = include_str!("../slipstream.example.toml");
    assert_eq!(load(example, &[]), Ok(Config::default()));
    let shown: toml::Table = example.parse().unwrap();
    assert_eq!(shown, toml::Table::try_from(Config::default()).unwrap());
}

#[test]
fn the_environment_goes_before_the_file() {
    let file = "listen = '127.0.0.1:1'\n[redis]\nhost = 'file'\nport = 1\n[cache]\nmax_ttl_seconds = 7";
    let config = load(
        file,
        &[
            ("SLIPSTREAM_LISTEN", "[::1]:2"),
            ("SLIPSTREAM_LOG__FORMAT", "json"),
            ("SLIPSTREAM_REDIS__PORT", "2"),
            ("SLIPSTREAM_REDIS__PASSWORD", "123"),
            ("REDIS_PORT", "3"),
            ("REDIS_HOST", "standard"),
            ("REDIS_DB", "4"),
            // What others put beside them: empty, from Kubernetes, or not a setting.
            ("REDIS_PASSWORD", ""),
            ("SLIPSTREAM_PORT", "tcp://10.0.0.1:8900"),
            ("SLIPSTREAM_CONFIG", "x.toml"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.to_string(), "[::1]:2");
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!((config.redis.host.as_str(), config.redis.port, config.redis.db), ("standard", 2, 4));
    assert_eq!(config.redis.password.reveal(), "123");
    assert_eq!(config.cache.max_ttl_seconds, 7);
    assert_eq!(load("", &[("REDIS_PORT", "tcp://10.0.0.1:6379")]).unwrap().redis.port, 6379);
}

#[test]
fn a_wrong_setting_is_named_with_its_value_and_what_would_be_right() {
    for (file, environment, expected) in [
        ("lsten = 'x'", &[][..], &["lsten", "unknown field `lsten`", "`listen`"][..]),
        ("token = 'a b'", &[], &["token (from", "at most 256 visible ASCII characters"]),
        ("", &[("SLIPSTREAM_TOKEN", "\u{e9}")], &["token (from SLIPSTREAM_TOKEN)", "visible ASCII"]),
        ("[cache]\nsize = 1", &[], &["cache.size", "unknown field `size`", "`max_entry_bytes`"]),
        ("listen = 'here'", &[], &["listen (from", "\"here\"", "expected an IP address and a port"]),
        ("listen = '0.0.0.0:8900'", &[], &["token", "expected a token", "0.0.0.0:8900"]),
        ("listen = '[::]:8900'", &[], &["token", "expected a token"]),
        ("listen = 8900", &[], &["listen (from", "integer `8900`", "expected an IP address and a port"]),
        ("[redis]\nport = 0", &[], &["redis.port", "`0`", "expected a whole number from 1 to 65535"]),
        ("[redis]\nport = 65536", &[], &["redis.port", "`65536`", "from 1 to 65535"]),
        ("[redis]\nport = '6379'", &[], &["redis.port", "string \"6379\"", "from 1 to 65535"]),
        ("[redis]\nkey_prefix = 'a b'", &[], &["redis.key_prefix", "\"a b\"", "1 to 64 visible ASCII"]),
        ("[redis]\nkey_prefix = ''", &[], &["redis.key_prefix", "\"\"", "1 to 64 visible ASCII"]),
        ("[redis]\nkey_prefix = 'a{b'", &[], &["redis.key_prefix", "\"a{b\"", "without braces"]),
        ("[cache]\nmax_ttl_seconds = -5", &[], &["cache.max_ttl_seconds", "`-5`", "from 1 to"]),
        ("[cache]\nmax_ttl_seconds = 1.5", &[], &["cache.max_ttl_seconds", "`1.5`", "from 1 to"]),
        ("[invalidation]\nlease_ms = 5", &[], &["invalidation.lease_ms", "`5`", "from 10 to 60000"]),
        ("[invalidation]\ncapacity = 0", &[], &["invalidation.capacity", "`0`", "from 1 to 1000000"]),
        ("[log]\nformat = 'xml'", &[], &["log.format", "\"xml\"", "\"text\" or \"json\""]),
        ("[log]\nlevel = true", &[], &["log.level", "`true`", "\"warn\""]),
        ("redis = 'localhost'", &[], &["redis (from", "\"localhost\""]),
        (
            "[embedded]\nmax_bytes = 1000",
            &[],
            &["cache.max_entry_bytes", "1048576", "at most embedded.max_bytes (1000)"],
        ),
        ("[workspace]\nurl = 'nonsense'", &[], &["workspace.url (from", "expected a PostgreSQL URL"]),
        (
            "[tp_capital]\nurl = 'postgres://a/b?sslmode=full'",
            &[],
            &["tp_capital.url", "expected a PostgreSQL URL", "sslmode"],
        ),
        (
            "[workspace]\ntls_ca_file = '/ca'",
            &[],
            &["workspace.tls_ca_file", "workspace.url", "sslmode=require"],
        ),
        (
            "[workspace]\nurl = 'postgres://a/b?sslmode=require'\ntls_ca_file = '/ca'",
            &[],
            &["workspace.tls_ca_file", "cannot read /ca"],
        ),
        ("[migrate]\nlock_timeout_ms = 0", &[], &["migrate.lock_timeout_ms", "`0`", "from 1 to 10000"]),
        ("[migrate]\nsets = ['A b']", &[], &["migrate.sets", "\"A b\"", "lower-case letters"]),
        (
            "[migrate]\ndirectory = '/nowhere'",
            &[],
            &["migrate.directory", "\"/nowhere\"", "expected a folder"],
        ),
        ("[semantic]\nindex = 'flat'", &[], &["semantic.index", "\"flat\"", "\"memory\" or \"vector-sets\""]),
        (
            "[embeddings]\nenabled = true\nmodel_dir = '/m'\n[semantic]\nenabled = true\nindex = 'vector-sets'",
            &[],
            &["semantic.index", "without a Redis", "version 8 or later in semantic.redis_host"],
        ),
        ("a = [", &[], &["slipstream.toml is no TOML", "line 1"]),
        (
            "",
            &[("SLIPSTREAM_REDIS__PROT", "1")],
            &["redis.prot", "from SLIPSTREAM_REDIS__PROT", "unknown field"],
        ),
        ("", &[("SLIPSTREAM_NOWHERE__KEY", "1")], &["nowhere", "unknown field `nowhere`"]),
        ("", &[("REDIS_PORT", "none")], &["redis.port", "from REDIS_PORT", "\"none\"", "from 1 to 65535"]),
        ("", &[("SLIPSTREAM_CACHE__MAX_ENTRY_BYTES", "-1")], &["cache.max_entry_bytes", "`-1`"]),
        ("", &[("SLIPSTREAM_LISTEN", "8900")], &["listen (from SLIPSTREAM_LISTEN)", "\"8900\""]),
    ] {
        let message = load(file, environment).expect_err(file).to_string();
        for part in expected {
            assert!(message.contains(part), "{file:?} {environment:?}: {message:?} lacks {part:?}");
        }
    }
}

#[test]
fn lists_and_switches_come_from_the_environment_too() {
    let config = load(
        "",
        &[
            ("SLIPSTREAM_REDIS__SENTINELS", "one:26379, [::1]:26380,"),
            ("SLIPSTREAM_REDIS__SENTINEL_MASTER", "main"),
            ("SLIPSTREAM_REDIS__SENTINEL_PASSWORD", "4711"),
            ("SLIPSTREAM_REDIS__TLS", "true"),
            ("SLIPSTREAM_REDIS__USERNAME", "cache"),
            ("SLIPSTREAM_REDIS__PASSWORD", "true"),
        ],
    );
    let redis = config.unwrap().redis;
    assert_eq!(redis.sentinels, [Address::new("one", 26379), Address::new("::1", 26380)]);
    assert_eq!((redis.sentinel_master.as_str(), redis.sentinel_password.reveal()), ("main", "4711"));
    assert!(redis.tls && redis.username == "cache" && redis.password.reveal() == "true");
    let nodes = load("", &[("SLIPSTREAM_REDIS__CLUSTER_NODES", "a:1,b:2")]).unwrap().redis.cluster_nodes;
    assert_eq!(nodes, [Address::new("a", 1), Address::new("b", 2)]);
}

#[test]
fn what_does_not_go_together_is_named_with_the_remedy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = format!("tls = true\ntls_ca_file = '{}'", file.path().display());
    for (redis, expected) in [
        ("host = 'a'\nsentinels = ['b:1']", &["redis.sentinels", "expected redis.host to be empty"][..]),
        ("host = 'a'\ncluster_nodes = ['b:1']", &["redis.cluster_nodes", "expected redis.host to be empty"]),
        ("sentinels = ['a:1']\ncluster_nodes = ['b:1']", &["redis.cluster_nodes", "one of the two"]),
        ("cluster_nodes = ['b:1']\ndb = 1", &["redis.db", "1, expected 0"]),
        ("cluster_nodes = ['b:1', 'b']", &["redis.cluster_nodes[1]", "\"b\"", "such as redis-1:6379"]),
        ("sentinels = ['a:1']\nsentinel_master = ''", &["redis.sentinel_master", "expected the name"]),
        ("username = 'a'", &["redis.username", "without redis.password"]),
        ("tls = 'yes'", &["redis.tls", "\"yes\"", "expected a boolean"]),
        ("tls_ca_file = '/ca'", &["redis.tls_ca_file", "expected redis.tls = true"]),
        ("tls = true\ntls_ca_file = '/ca'", &["redis.tls_ca_file", "cannot read /ca: No such file"]),
        (&empty, &["redis.tls_ca_file", "expected a file in PEM format"]),
    ] {
        let message = load(&format!("[redis]\n{redis}"), &[]).expect_err(redis).to_string();
        for part in expected {
            assert!(message.contains(part), "{redis:?}: {message:?} lacks {part:?}");
        }
    }
    let half = format!("[redis]\ntls = true\ntls_cert_file = '{}'", file.path().display());
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----").unwrap();
    let message = load(&half, &[]).unwrap_err().to_string();
    assert!(message.contains("redis.tls_cert_file and redis.tls_key_file together"), "{message}");
}

#[test]
fn a_missing_file_is_an_error() {
    let error = Config::load_with(Some(Path::new("/nowhere/slipstream.toml")), []).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /nowhere/slipstream.toml: No such file"), "{error}");
}

#[test]
fn secrets_are_never_shown() {
    let config =
        load("token = 'sesame'\n[redis]\npassword = 'hunter2'\nsentinel_password = 'hunter3'\n[workspace]\nurl = 'postgres://u:hunter4@h/d'", &[]).unwrap();
    let shown = format!("{config:?}{}", toml::to_string(&config).unwrap());
    assert!(!shown.contains("hunter") && !shown.contains("sesame") && shown.contains("********"), "{shown}");
    let refused = load("token = 'open sesame'", &[]).unwrap_err().to_string();
    assert!(!refused.contains("sesame"), "{refused}");
    let refused = load("[workspace]\nurl = 'postgres://u:hunter5@h/d?port=x'", &[]).unwrap_err().to_string();
    assert!(!refused.contains("hunter"), "{refused}");
}
