//! `userlist.txt`: users and what they prove themselves by.

use std::collections::BTreeMap;

use migrations::tls_connector;
use pooled_postgres::{ScramSecret, server_secret};
use tokio_postgres::config::SslMode;

use super::Target;
use super::target::error;
use crate::config::{ConfigError, Pooling};
use crate::random;

/// What the file holds for each user.
pub(crate) type Users = BTreeMap<String, String>;

/// The users of the databases with the secrets that the servers have, the console's, and who asks for others' secrets. A
/// secret in `before` that is of the same password stays, so that rendering again changes nothing.
pub(crate) async fn users(
    pooling: &Pooling,
    targets: &[Target],
    before: &Users,
) -> Result<Users, ConfigError> {
    let mut users = Users::new();
    for target in targets {
        let verifies = target.direct.get_ssl_mode() == SslMode::Require;
        let tls =
            tls_connector(verifies, &target.endpoint.tls_ca_file).map_err(|why| error(&target.path, why))?;
        let secret = server_secret(&target.direct, &tls).await;
        let secret = secret.map_err(|why| error(&target.path, why.to_string()))?;
        let password = String::from_utf8_lossy(target.direct.get_password().unwrap_or_default()).into_owned();
        let text =
            secret.map_or_else(|| own_secret(&target.user, &password, before), |secret| secret.to_string());
        if users.get(&target.user).is_some_and(|other| *other != text) {
            let reason = format!(
                "user {:?} has another secret at this server than at another of the URLs, expected another user, or the very \
                 same secret at both: PgBouncer keeps one for each name",
                target.user
            );
            return Err(error(&target.path, reason));
        }
        users.insert(target.user.clone(), text);
    }
    let admin = &pooling.admin_user;
    if !pooling.admin_password.reveal().is_empty() {
        if users.contains_key(admin) {
            let reason = format!(
                "{admin:?}, expected another than the users of the databases: its password is its own"
            );
            return Err(error("pooling.admin_user", reason));
        }
        users.insert(admin.clone(), own_secret(admin, pooling.admin_password.reveal(), before));
    }
    if !pooling.auth_user.is_empty() {
        // PgBouncer logs in by itself here, and a secret without a client's proof does not suffice for that.
        users.insert(pooling.auth_user.clone(), pooling.auth_password.reveal().to_owned());
    }
    Ok(users)
}

/// A secret of ours, where no server has one.
fn own_secret(user: &str, password: &str, before: &Users) -> String {
    let kept =
        before.get(user).and_then(|text| ScramSecret::parse(text)).filter(|secret| secret.is_of(password));
    let secret = kept.unwrap_or_else(|| {
        let salt = (u128::from(random::number()) << 64) | u128::from(random::number());
        ScramSecret::new(password, salt.to_be_bytes())
    });
    secret.to_string()
}

/// The file's text.
pub(crate) fn write(users: &Users) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    users.iter().map(|(user, secret)| format!("{} {}\n", quoted(user), quoted(secret))).collect()
}

/// Reads what [`write`] has written; lines that are none are passed over.
pub(crate) fn read(text: &str) -> Users {
    text.lines()
        .filter_map(|line| {
            let (user, rest) = quoted(line.trim())?;
            let (secret, _) = quoted(rest.trim_start())?;
            Some((user, secret))
        })
        .collect()
}

/// The text between quotation marks that `text` begins with, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut found = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        found += part;
        match after.strip_prefix('"') {
            Some(after) => {
                found.push('"');
                rest = after;
            }
            None => return Some((found, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let users = Users::from([
            ("plain".to_owned(), "SCRAM-SHA-256$4096:a$b:c".to_owned()),
            ("odd \"one\"".to_owned(), "p\"\" w".to_owned()),
        ]);
        assert_eq!(read(&write(&users)), users);
        assert_eq!(
            read("; comment\n\"a\" \"b\" more\nnonsense\n\"c\n"),
            Users::from([("a".to_owned(), "b".to_owned())])
        );
    }
}
