//! The two files: made, compared, and put in place.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use anyhow::{Context, bail};

use super::budget::{Budget, budgets};
use super::server::Server;
use super::userlist::{self, Users};
use super::{Change, changes, ini, targets};
use crate::config::Config;

/// A configuration that the servers have room for.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// The text of `pgbouncer.ini`, without secrets.
    pub(crate) ini: String,
    users: Users,
    /// The connections to each server.
    pub(crate) budgets: Vec<Budget>,
    /// What differs from the files that are there.
    pub(crate) changes: Vec<Change>,
}

/// Makes the configuration, and checks it against the servers.
pub(crate) async fn render(config: &Config) -> anyhow::Result<Rendered> {
    let pooling = &config.pooling;
    let targets = targets(config)?;
    let patience = pooling.console_timeout();
    let mut asked = Vec::new();
    for target in &targets {
        asked.push((target.clone(), Server::ask(target, patience).await?));
    }
    let budgets = budgets(pooling, &asked)?;
    let before = current(&pooling.config_file)?;
    let users_before = userlist::read(&current(&pooling.userlist_file)?);
    let users = userlist::users(pooling, &targets, &users_before).await?;
    let ini = ini::ini(pooling, &targets);
    let mut changes = changes::of_ini(&before, &ini);
    changes.extend(changes::of_users(&users_before, &users));
    Ok(Rendered { ini, users, budgets, changes })
}

impl Rendered {
    /// Puts both files in place, the users first: a configuration must not name a file that is not there yet.
    pub(crate) fn write(&self, config: &Config) -> anyhow::Result<()> {
        let (ini, userlist) = (&config.pooling.config_file, &config.pooling.userlist_file);
        replace(Path::new(userlist), &userlist::write(&self.users))
            .with_context(|| format!("cannot write {userlist} (setting pooling.userlist_file)"))?;
        replace(Path::new(ini), &self.ini)
            .with_context(|| format!("cannot write {ini} (setting pooling.config_file)"))
    }
}

/// What the file holds; nothing if it is not there.
fn current(path: &str) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
    }
}

/// Writes beside the file and renames, so that PgBouncer never reads half of it. Only the owner may read it: whoever owned
/// the file before, as PgBouncer runs as a user of its own.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let Some(name) = path.file_name() else { bail!("{} names no file", path.display()) };
    let beside = path.with_file_name(format!(".{}.new", name.to_string_lossy()));
    // What an earlier try has left must not keep its owner and mode.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error.into());
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = (|| {
        file.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(path)
            && before.uid() != file.metadata()?.uid()
        {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // The first error counts.
        let _ = fs::remove_file(&beside);
    }
    Ok(written?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_for_their_owner_only_and_change_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("userlist.txt");
        for text in ["one", "two"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        assert!(replace(&folder.path().join("missing/x"), "text").is_err());
    }
}
