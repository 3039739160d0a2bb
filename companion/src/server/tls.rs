//! Encryption of clients' connections, with certificates that are read anew when their files change.

use std::fs;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::patient::Stream;
use crate::config;

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(5);

/// Who the companion says it is, and whom it lets in.
#[derive(Clone)]
pub(super) struct Tls {
    files: config::Tls,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files, if a certificate is configured.
    pub(super) fn open(files: &config::Tls) -> anyhow::Result<Option<Self>> {
        if files.cert_file.is_empty() {
            return Ok(None);
        }
        let current = Arc::new(RwLock::new(Arc::new(read(files)?)));
        Ok(Some(Self { files: files.clone(), current }))
    }

    /// Shakes hands with a client.
    pub(super) async fn accept(&self, stream: Stream) -> io::Result<TlsStream<Stream>> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(current).accept(stream).await
    }

    /// Reads the files again whenever they have changed. What cannot be read leaves those that were.
    pub(super) async fn follow_files(self) {
        let mut known = self.changed();
        loop {
            tokio::time::sleep(LOOK).await;
            let changed = self.changed();
            if changed == known {
                continue;
            }
            match read(&self.files) {
                Ok(config) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                    tracing::info!("the certificates have changed");
                }
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "the certificates have changed and cannot be used"
                    );
                }
            }
            known = changed;
        }
    }

    /// When the files were changed last.
    fn changed(&self) -> [Option<SystemTime>; 3] {
        [&self.files.cert_file, &self.files.key_file, &self.files.client_ca_file]
            .map(|file| fs::metadata(file).and_then(|facts| facts.modified()).ok())
    }
}

fn read(files: &config::Tls) -> anyhow::Result<ServerConfig> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = certificates(&files.cert_file, "tls.cert_file")?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .with_context(|| format!("tls.key_file: {} has no private key in PEM format", files.key_file))?;
    let builder = ServerConfig::builder();
    let builder = if files.client_ca_file.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(&files.client_ca_file, "tls.client_ca_file")? {
            authorities.add(certificate).context("tls.client_ca_file")?;
        }
        let verifier =
            WebPkiClientVerifier::builder(Arc::new(authorities)).build().context("tls.client_ca_file")?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config =
        builder.with_single_cert(chain, key).context("tls.cert_file and tls.key_file do not go together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(file: &str, setting: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    let certificates = read().with_context(|| format!("{setting}: cannot read {file}"))?;
    if certificates.is_empty() {
        bail!("{setting}: {file} has no certificate, expected a file in PEM format");
    }
    Ok(certificates)
}
