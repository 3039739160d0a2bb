//! SCRAM secrets: what a server or a pooler keeps in place of a password.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio_postgres::Config;

use crate::Tls;
use crate::wire::{Login, Wire, WireError};

const PREFIX: &str = "SCRAM-SHA-256";
/// PostgreSQL's own default.
const ITERATIONS: u32 = 4096;
/// What a secret may cost to compute: a server that asks for more would keep this program busy.
const MAX_ITERATIONS: u32 = 1_000_000;

/// A SCRAM-SHA-256 secret as PostgreSQL keeps it: `SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY`.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

/// Why there is no secret for a user.
#[derive(Debug)]
pub enum SecretError {
    /// The URL names no password, so no client could log in.
    NoPassword,
    /// The server keeps the password in another way, so PgBouncer could not log in with a SCRAM secret.
    NotScram {
        /// The user.
        user: String,
        /// How the server asked for the password.
        method: &'static str,
    },
    /// The server did not let the user in.
    Wire(WireError),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassword => f.write_str(
                "names no password, expected postgres://USER:PASSWORD@HOST:PORT/DATABASE: clients log in to PgBouncer by it",
            ),
            Self::NotScram { user, method } => write!(
                f,
                "the server asks {user:?} for a password by {method}, expected scram-sha-256: set password_encryption = \
                 'scram-sha-256', give the user its password again, and say scram-sha-256 in pg_hba.conf"
            ),
            Self::Wire(error) => write!(f, "the server does not let the user in: {error}"),
        }
    }
}

impl std::error::Error for SecretError {}

impl From<WireError> for SecretError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// The secret that the server has for the user of this URL, which PgBouncer must have too, to log in there for its clients.
///
/// It is made from the password and from the salt that the server names to whoever logs in, so it takes no special rights.
/// From a server that asks for no password any secret will do: `None`.
pub async fn server_secret(config: &Config, tls: &Tls) -> Result<Option<ScramSecret>, SecretError> {
    let password =
        config.get_password().filter(|password| !password.is_empty()).ok_or(SecretError::NoPassword)?;
    let (_, login) = Wire::log_in(config, tls).await?;
    match login {
        Login::Trusted => Ok(None),
        Login::Other(method) => {
            let user = config.get_user().unwrap_or_default().to_owned();
            Err(SecretError::NotScram { user, method })
        }
        Login::Scram { salt, iterations } => {
            let salt = STANDARD.decode(salt).ok().filter(|_| iterations <= MAX_ITERATIONS);
            let salt =
                salt.ok_or_else(|| WireError::Unsupported("the server's challenge is none".to_owned()))?;
            Ok(Some(ScramSecret::derive(password, salt, iterations)))
        }
    }
}

impl ScramSecret {
    /// A secret for this password with this salt, which nobody else should have.
    pub fn new(password: &str, salt: [u8; 16]) -> Self {
        Self::derive(password.as_bytes(), salt.to_vec(), ITERATIONS)
    }

    /// Reads a secret as it is written.
    pub fn parse(text: &str) -> Option<Self> {
        let (iterations, rest) = text.strip_prefix(PREFIX)?.strip_prefix('$')?.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        Some(Self {
            iterations: iterations.parse().ok().filter(|iterations| *iterations <= MAX_ITERATIONS)?,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: STANDARD.decode(stored_key).ok()?,
            server_key: STANDARD.decode(server_key).ok()?,
        })
    }

    /// Whether it is a secret of this password.
    pub fn is_of(&self, password: &str) -> bool {
        *self == Self::derive(password.as_bytes(), self.salt.clone(), self.iterations)
    }

    /// RFC 5802 §3.
    fn derive(password: &[u8], salt: Vec<u8>, iterations: u32) -> Self {
        let prepared = std::str::from_utf8(password).ok().and_then(|text| stringprep::saslprep(text).ok());
        let password = prepared.as_ref().map_or(password, |text| text.as_bytes());
        let mut block = salt.clone();
        block.extend(1_u32.to_be_bytes());
        let mut last = hmac(password, &block);
        let mut salted = last;
        for _ in 1..iterations {
            last = hmac(password, &last);
            salted.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
        }
        let client_key = hmac(&salted, b"Client Key");
        let stored_key = Sha256::digest(client_key).to_vec();
        Self { iterations, salt, stored_key, server_key: hmac(&salted, b"Server Key").to_vec() }
    }
}

impl fmt::Display for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iterations, salt, stored_key, server_key } = self;
        let [salt, stored_key, server_key] =
            [salt, stored_key, server_key].map(|bytes| STANDARD.encode(bytes));
        write!(f, "{PREFIX}${iterations}:{salt}${stored_key}:{server_key}")
    }
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret(********)")
    }
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_its_password_only_and_reads_as_it_is_written() {
        for password in ["pencil", "pa\"ss wörd", "\u{2168}", ""] {
            let secret = ScramSecret::new(password, *b"0123456789abcdef");
            assert_eq!(ScramSecret::parse(&secret.to_string()), Some(secret.clone()));
            assert!(secret.is_of(password) && !secret.is_of("other"), "{password}");
            assert!(!format!("{secret:?}").contains('$'));
        }
        // The library that clients use makes secrets too.
        let theirs = postgres_protocol::password::scram_sha_256(b"pencil");
        assert!(ScramSecret::parse(&theirs).unwrap().is_of("pencil"), "{theirs}");
        for damaged in ["", "md5abc", "SCRAM-SHA-256$4096:x", "SCRAM-SHA-256$9999999999:YQ==$YQ==:YQ=="] {
            assert_eq!(ScramSecret::parse(damaged), None, "{damaged}");
        }
    }
}
