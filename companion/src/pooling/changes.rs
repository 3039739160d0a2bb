//! What a new configuration changes.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::userlist::Users;

/// One difference between two configurations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// What it is about: `default_pool_size`, `database shop`, `user me`.
    pub(crate) what: String,
    /// What was there, if anything was; never a secret.
    pub(crate) before: Option<String>,
    /// What is there now, if anything is; never a secret.
    pub(crate) after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, before, after } = self;
        match (before, after) {
            (None, Some(after)) => write!(f, "+ {what}: {after}"),
            (Some(before), None) => write!(f, "- {what}: {before}"),
            (Some(before), Some(after)) => write!(f, "~ {what}: {before} → {after}"),
            (None, None) => write!(f, "  {what}"),
        }
    }
}

/// What differs between two texts of `pgbouncer.ini`.
pub(super) fn of_ini(before: &str, after: &str) -> Vec<Change> {
    of_maps(&lines(before), &lines(after))
}

/// What differs between two lists of users.
pub(super) fn of_users(before: &Users, after: &Users) -> Vec<Change> {
    let named =
        |users: &Users| users.keys().map(|user| (format!("user {user}"), "listed".to_owned())).collect();
    let mut changes = of_maps(&named(before), &named(after));
    for (user, secret) in after {
        if before.get(user).is_some_and(|other| other != secret) {
            let (before, after) = (Some("one secret".to_owned()), Some("another".to_owned()));
            changes.push(Change { what: format!("user {user}"), before, after });
        }
    }
    changes
}

fn of_maps(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Change> {
    let removed = before.keys().filter(|key| !after.contains_key(*key));
    let changed = after.keys().filter(|key| before.get(*key) != after.get(*key));
    removed
        .chain(changed)
        .map(|key| Change {
            what: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

/// The settings of a text, databases under `database NAME`.
fn lines(text: &str) -> BTreeMap<String, String> {
    let mut section = "";
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.trim();
            let key = if section == "databases" { format!("database {key}") } else { key.to_owned() };
            // A configuration by hand may have a password here.
            let value = value.trim();
            let shown = if value.contains("password") { "(with a password)" } else { value };
            found.insert(key, shown.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_and_secrets_are_not() {
        let before = "; x\n[databases]\na = host=1 password=hunter2\nb = host=2\n[pgbouncer]\nmode = x\n";
        let after = "[databases]\nb = host=3\n[pgbouncer]\nmode=x\nsize = 2\n";
        let told: Vec<String> = of_ini(before, after).iter().map(Change::to_string).collect();
        assert_eq!(told, ["- database a: (with a password)", "~ database b: host=2 → host=3", "+ size: 2"]);
        assert!(of_ini(after, after).is_empty());
        let users = |pairs: &[(&str, &str)]| -> Users {
            pairs.iter().map(|(user, secret)| ((*user).to_owned(), (*secret).to_owned())).collect()
        };
        let changes = of_users(&users(&[("a", "1"), ("b", "1")]), &users(&[("b", "2"), ("c", "3")]));
        let told: Vec<String> = changes.iter().map(Change::to_string).collect();
        assert_eq!(told, ["- user a: listed", "+ user c: listed", "~ user b: one secret → another"]);
    }
}
