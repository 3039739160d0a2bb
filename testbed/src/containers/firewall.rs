//! What the engine changes of the machine's own network, and how it is put back: it leaves its chains behind when it stops.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::output;
use crate::Tool;

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
const TABLES: [&str; 2] = ["filter", "nat"];

/// How it was before the engine started.
#[derive(Debug)]
pub struct Firewall {
    forward: String,
    policy: Option<String>,
    /// Another engine runs here, whose chains have the same names.
    is_shared: bool,
}

impl Firewall {
    /// Remembers how it is.
    pub fn remember() -> Result<Firewall> {
        let rules = rules("filter")?;
        let policy = rules.lines().find(|line| line.starts_with("-P FORWARD")).map(str::to_owned);
        let is_shared = rules.contains("-N DOCKER");
        Ok(Firewall { forward: fs::read_to_string(FORWARD)?, policy, is_shared })
    }

    /// Puts it back. What cannot be is told, and does no harm.
    pub fn restore(&self) {
        if self.is_shared {
            return;
        }
        for table in TABLES {
            if let Err(error) = remove_chains(table) {
                eprintln!("cannot remove the container engine's rules from {table}: {error:#}");
            }
        }
        if let Some(policy) = &self.policy {
            let _ = iptables("filter", policy);
        }
        let _ = fs::write(FORWARD, &self.forward);
    }
}

fn rules(table: &str) -> Result<String> {
    output(Command::new(Tool::Iptables.path()?).args(["--wait", "-t", table, "-S"]))
}

/// `rule` is a line as `iptables -S` writes it.
fn iptables(table: &str, rule: &str) -> Result<()> {
    let mut iptables = Command::new(Tool::Iptables.path()?);
    output(iptables.args(["--wait", "-t", table]).args(rule.split_whitespace())).map(drop)
}

fn remove_chains(table: &str) -> Result<()> {
    let rules = rules(table)?;
    let chains: Vec<&str> = rules.lines().filter_map(|line| line.strip_prefix("-N DOCKER")).collect();
    for rule in rules.lines().filter(|line| line.contains("DOCKER") && line.starts_with("-A ")) {
        iptables(table, &rule.replacen("-A", "-D", 1))?;
    }
    for chain in &chains {
        iptables(table, &format!("-F DOCKER{chain}"))?;
    }
    chains.iter().try_for_each(|chain| iptables(table, &format!("-X DOCKER{chain}")))
}
