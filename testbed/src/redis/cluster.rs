//! A throwaway Redis Cluster.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::replication::wait_until_replicated;
use crate::{Redis, RedisOptions, ports, wait_until};

/// Three masters with a replica each. A master that dies is replaced by its replica within some two seconds.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts and forms it; it is complete, and replicas have what their masters have.
    pub fn start() -> Result<RedisCluster> {
        Self::start_with(&RedisOptions::default())
    }

    /// The same with these options for each node.
    pub fn start_with(options: &RedisOptions) -> Result<RedisCluster> {
        let nodes = (0..6).map(|_| start_node(options.clone())).collect::<Result<Vec<_>>>()?;
        let mut create = nodes[0].cli_to(nodes[0].port());
        let cluster = RedisCluster { nodes };
        create.args(["--cluster", "create"]).args(cluster.addresses());
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        let output = create.output().context("cannot run redis-cli")?;
        if !output.status.success() {
            bail!("the cluster cannot be formed:\n{}", String::from_utf8_lossy(&output.stdout));
        }
        if !wait_until(Duration::from_secs(20), || cluster.is_complete()) {
            bail!("the cluster is not complete within 20 s");
        }
        let (masters, replicas) = cluster.nodes.split_at(3);
        wait_until_replicated(masters, replicas)?;
        Ok(cluster)
    }

    /// `127.0.0.1:PORT` of each node, the three first masters in front.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect()
    }

    /// The node at this place of [`addresses`](Self::addresses).
    pub fn node(&mut self, at: usize) -> &mut Redis {
        &mut self.nodes[at]
    }

    /// The place of the master that has this key, as the first node that answers says.
    pub fn owner(&self, key: &str) -> Result<usize> {
        let answer = self.nodes.iter().find_map(|node| {
            let slot: u16 = node.cli(&["CLUSTER", "KEYSLOT", key]).ok()?.parse().ok()?;
            owner(&node.cli(&["CLUSTER", "NODES"]).ok()?, slot)
        });
        let port = answer.with_context(|| format!("no node tells who has {key}"))?;
        self.nodes.iter().position(|node| node.port() == port).context("an unknown node has it")
    }

    /// How many keys each of the three first masters has.
    pub fn sizes(&self) -> Vec<u64> {
        let size = |node: &Redis| node.cli(&["DBSIZE"]).ok()?.parse().ok();
        self.nodes.iter().take(3).map(|node| size(node).unwrap_or(0)).collect()
    }

    fn is_complete(&self) -> bool {
        self.nodes.iter().enumerate().all(|(at, node)| {
            let says = |command: [&str; 2], what| node.cli(&command).is_ok_and(|text| text.contains(what));
            let knows_all = says(["CLUSTER", "INFO"], "cluster_state:ok")
                && says(["CLUSTER", "INFO"], "cluster_known_nodes:6");
            knows_all && (at < 3 || says(["INFO", "replication"], "master_link_status:up"))
        })
    }
}

/// A test that fails tells what the nodes thought of each other, and did.
impl Drop for RedisCluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for node in &mut self.nodes {
            // One that hangs would not answer.
            if let Some(process) = node.process() {
                process.resume();
            }
            let port = node.port();
            let view = node.cli(&["CLUSTER", "NODES"]).unwrap_or_else(|error| format!("{error:#}"));
            let log = node.process().map(|process| process.log()).unwrap_or_default();
            eprintln!("--- Redis at {port}\n{view}\n{log}");
        }
    }
}

fn start_node(mut options: RedisOptions) -> Result<Redis> {
    let (bus, tls) = (ports::free().to_string(), if options.tls.is_some() { "yes" } else { "no" });
    let args = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &bus],
        ["--cluster-node-timeout", "1000"],
        ["--cluster-require-full-coverage", "no"],
        ["--cluster-replica-validity-factor", "0"],
        ["--repl-diskless-sync-delay", "0"],
        ["--tls-cluster", tls],
        ["--tls-replication", tls],
    ];
    options.args.extend(args.concat().into_iter().map(str::to_owned));
    Redis::start(options)
}

/// The port of the master that has this slot, by the answer of `CLUSTER NODES`.
fn owner(nodes: &str, slot: u16) -> Option<u16> {
    let has_it = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
    };
    let line = nodes.lines().find(|line| line.split(' ').skip(8).any(has_it))?;
    let address = line.split(' ').nth(1)?;
    address.split('@').next()?.rsplit(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_takes_over() {
        let mut cluster = RedisCluster::start().unwrap();
        let owner = cluster.owner("key").unwrap();
        assert!(owner < 3);
        cluster.node(owner).stop();
        assert!(wait_until(Duration::from_secs(20), || cluster.owner("key").is_ok_and(|now| now > 2)));
    }
}
