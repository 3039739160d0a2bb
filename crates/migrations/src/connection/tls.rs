//! TLS as PostgreSQL's clients know it.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What makes TLS connections. The certificate is checked if it `verifies`, against who signed what is in `ca_file` (PEM; empty: whom
/// the system trusts); the error says what is wrong with the settings.
pub fn connector(verifies: bool, ca_file: &str) -> Result<MakeRustlsConnect, String> {
    if !verifies {
        return lenient(None);
    }
    let config = builder()?.with_root_certificates(roots(ca_file)?).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What makes TLS connections to a server whose certificate was signed by one who is trusted, whatever name is in it.
pub fn connector_by_authority(ca_file: &str) -> Result<MakeRustlsConnect, String> {
    let authority = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(ca_file)?), provider());
    lenient(Some(authority.build().map_err(failed)?))
}

fn lenient(authority: Option<Arc<WebPkiServerVerifier>>) -> Result<MakeRustlsConnect, String> {
    let verifier = Lenient { provider: provider(), authority };
    let config = builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(failed)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn failed(error: impl fmt::Display) -> String {
    format!("cannot set up TLS: {error}")
}

fn roots(ca_file: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if ca_file.is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        let unusable = |error: String| format!("cannot use tls_ca_file {ca_file}: {error}");
        for certificate in
            CertificateDer::pem_file_iter(ca_file).map_err(|error| unusable(error.to_string()))?
        {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        return Err("sslmode=require, and nobody to trust: set tls_ca_file to the PEM file of who signed the server's certificate".to_owned());
    }
    Ok(roots)
}

/// Takes certificates that a browser would not.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// Whose certificates are taken, in any name. Where there is none any certificate is, as PostgreSQL's own clients do without `sslmode`: most servers
    /// have one that nobody signed, and hiding what is sent from those who only listen is better than nothing.
    authority: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last.
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
