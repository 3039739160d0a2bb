//! Whom servers run as that refuse to run as root.

use std::fs;

use anyhow::{Context, Result};

use crate::User;

/// The user to run as: none of our choosing when we are not root.
pub(crate) fn unprivileged() -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let user = account(&accounts, "postgres").or_else(|| account(&accounts, "nobody"));
    user.map(Some).context("it does not run as root, and /etc/passwd has neither postgres nor nobody")
}

fn account(accounts: &str, name: &str) -> Option<User> {
    let mut fields = accounts.lines().find(|line| line.starts_with(&format!("{name}:")))?.split(':').skip(2);
    Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts = "nobodyelse:x:1:2:::\nnobody:x:65534:65533:n:/:/x\n";
        assert_eq!(account(accounts, "nobody"), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(account(accounts, "postgres"), None);
    }
}
