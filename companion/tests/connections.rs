//! What clients' connections may take, and their encryption.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{Companion, within};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use testbed::Certificates;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: companion\r\nconnection: close\r\n\r\n";
const LONG: Duration = Duration::from_secs(30);

/// The companion's plain address.
fn plain(companion: &Companion) -> SocketAddr {
    companion.url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// Sends bytes and reads until the other side closes.
async fn say(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<String> {
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await;
    read.expect("it is answered, or closed, in time")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// What `/metrics` says of this series.
async fn metric(companion: &Companion, series: &str) -> Option<f64> {
    let text = String::from_utf8(companion.get("/metrics").await.body().to_vec()).unwrap();
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_client_that_does_not_say_what_it_wants_is_shown_out() {
    let companion = Companion::start(|config| config.connections.head_timeout_ms = 300).await;
    let mut slow = TcpStream::connect(plain(&companion)).await.unwrap();
    let answer = say(&mut slow, b"GET /healthz HTTP/1.1\r\nhost: compan").await.unwrap_or_default();
    assert!(!answer.contains(" 200 "), "{answer}");
    let mut quick = TcpStream::connect(plain(&companion)).await.unwrap();
    assert!(say(&mut quick, REQUEST).await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let companion = Companion::start(|config| config.connections.slow_reader_ms = 300).await;
    let mut deaf = TcpStream::connect(plain(&companion)).await.unwrap();
    let asking = b"GET /metrics HTTP/1.1\r\nhost: companion\r\n\r\n".repeat(1_000);
    // Neither side's kernel holds all that is asked for, so writing fails once the companion has closed.
    let cut_off = async { while deaf.write_all(&asking).await.is_ok() {} };
    tokio::time::timeout(LONG, cut_off).await.expect("it is cut off");
}

#[tokio::test]
async fn more_connections_than_configured_are_refused_and_counted() {
    let companion = Companion::start(|config| config.connections.max = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(plain(&companion)).await.unwrap());
    }
    within(LONG, "the fourth is refused", async || {
        let mut fourth = TcpStream::connect(plain(&companion)).await.unwrap();
        !say(&mut fourth, REQUEST).await.is_ok_and(|answer| answer.contains(" 200 "))
    })
    .await;
    held.clear();
    within(LONG, "there is place again", async || {
        let mut next = TcpStream::connect(plain(&companion)).await.unwrap();
        say(&mut next, REQUEST).await.is_ok_and(|answer| answer.contains(" 200 "))
    })
    .await;
    let refused = metric(&companion, "slipstream_connections_refused_total{reason=\"full\"}").await;
    assert!(refused.is_some_and(|count| count >= 1.0), "{refused:?}");
}

#[tokio::test]
async fn heads_and_bodies_without_end_are_refused() {
    let companion = Companion::start(|_| {}).await;
    let fields = format!("x-long: {}\r\n", "a".repeat(8_000)).repeat(100);
    let head = format!("GET /healthz HTTP/1.1\r\nhost: companion\r\n{fields}\r\n");
    let mut stream = TcpStream::connect(plain(&companion)).await.unwrap();
    // It may close before it has read all; then there is no answer to be had.
    let answer = say(&mut stream, head.as_bytes()).await.unwrap_or_else(|_| "HTTP/1.1 431".to_owned());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let body = "a".repeat(3 << 20);
    let answer = companion.send(hyper::Method::POST, "/v1/invalidations", &[], body).await;
    assert_eq!(answer.status(), 413);
}

/// Connects by TLS, trusting `authority` and showing the certificate of `identity`.
async fn encrypted(
    address: SocketAddr,
    authority: &Certificates,
    identity: Option<&Certificates>,
) -> io::Result<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca()).unwrap()).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificate = CertificateDer::from_pem_file(identity.cert()).unwrap();
            let key = PrivateKeyDer::from_pem_file(identity.key()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    say(&mut stream, REQUEST).await
}

#[tokio::test]
async fn clients_are_served_over_tls_and_must_show_a_certificate_where_configured() {
    let [own, strange] = [Certificates::new().unwrap(), Certificates::new().unwrap()];
    let companion = Companion::start(|config| {
        config.tls.listen = "127.0.0.1:0".parse().unwrap();
        config.tls.cert_file = own.cert().display().to_string();
        config.tls.key_file = own.key().display().to_string();
        config.tls.client_ca_file = own.ca().display().to_string();
    })
    .await;
    let address = companion.encrypted.unwrap();
    let answer = encrypted(address, &own, Some(&own)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(encrypted(address, &own, None).await.is_err(), "no certificate");
    assert!(encrypted(address, &own, Some(&strange)).await.is_err(), "a stranger's certificate");
    assert!(encrypted(address, &strange, Some(&own)).await.is_err(), "the client does not trust it");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let answer = say(&mut stream, REQUEST).await.unwrap_or_default();
    assert!(!answer.contains(" 200 "), "no TLS: {answer}");
    let refused = metric(&companion, "slipstream_connections_refused_total{reason=\"tls\"}").await;
    assert!(refused.is_some_and(|count| count >= 3.0), "{refused:?}");
    // What listens beside it is not encrypted.
    assert_eq!(companion.status("/healthz").await, 200);
    companion.stop().await;
}

#[tokio::test]
async fn certificates_that_change_are_taken_and_broken_ones_are_not() {
    let [served, other] = [Certificates::new().unwrap(), Certificates::new().unwrap()];
    let companion = Companion::start(|config| {
        config.tls.listen = "127.0.0.1:0".parse().unwrap();
        config.tls.cert_file = served.cert().display().to_string();
        config.tls.key_file = served.key().display().to_string();
    })
    .await;
    let address = companion.encrypted.unwrap();
    assert!(encrypted(address, &served, None).await.unwrap().starts_with("HTTP/1.1 200"));
    fs::write(served.cert(), "nonsense").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(encrypted(address, &served, None).await.is_ok(), "the old ones stay");
    fs::copy(other.key(), served.key()).unwrap();
    fs::copy(other.cert(), served.cert()).unwrap();
    within(LONG, "the new ones are served", async || encrypted(address, &other, None).await.is_ok()).await;
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_said_at_the_start() {
    let certificates = Certificates::new().unwrap();
    let [cert, key] = [certificates.cert(), certificates.key()].map(|file| file.display().to_string());
    for (cert_file, key_file, expected) in [
        ("/nowhere.pem", key.as_str(), "tls.cert_file"),
        (cert.as_str(), "/nowhere.pem", "tls.key_file"),
        (key.as_str(), key.as_str(), "tls.cert_file"),
    ] {
        let mut config =
            slipstream::config::Config { listen: "127.0.0.1:0".parse().unwrap(), ..Default::default() };
        config.tls.listen = "127.0.0.1:0".parse().unwrap();
        (config.tls.cert_file, config.tls.key_file) = (cert_file.to_owned(), key_file.to_owned());
        let error = slipstream::server::Server::bind(config).await.unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}
