//! Certificates for servers on this machine, and an authority that signs them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::temp_dir;

/// An authority of its own, and a certificate that it signed for `localhost` and `127.0.0.1`; all in PEM files.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// New ones, which nobody else has signed.
    pub fn new() -> Result<Certificates> {
        Certificates::in_the_name_of(&["localhost", "127.0.0.1"])
    }

    /// The same, with the certificate in these names.
    pub fn in_the_name_of(names: &[&str]) -> Result<Certificates> {
        let dir = temp_dir("certificates")?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each by a name of its own: of two with the same name, one would seem to have signed for the other, and badly.
        params.distinguished_name.push(DnType::CommonName, dir.path().display().to_string());
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        let certificates = Certificates { dir };
        fs::write(certificates.ca(), authority.pem())?;
        fs::write(certificates.cert(), certificate.pem())?;
        fs::write(certificates.key(), key.serialize_pem())?;
        Ok(certificates)
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The certificate.
    pub fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// The folder of all three.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }
}
