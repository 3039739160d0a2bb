//! A throwaway Redis that is watched by sentinels.

use std::fs;
use std::slice::from_ref;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::replication::wait_until_replicated;
use crate::{Launch, Process, Redis, RedisOptions, Tool, ports, temp_dir, wait_until};

/// A master and a replica, watched by three sentinels, who know them as `mymaster`. A master that dies is replaced by the
/// replica within some two seconds.
#[derive(Debug)]
pub struct RedisSentinels {
    // Dropped first: they would see the servers fail.
    sentinels: Vec<Sentinel>,
    servers: Vec<Redis>,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    _process: Process,
    _dir: TempDir,
}

impl RedisSentinels {
    /// Starts them all; they know each other.
    pub fn start() -> Result<RedisSentinels> {
        let master = start_server(&[])?;
        let replica = start_server(&["--replicaof", "127.0.0.1", &master.port().to_string()])?;
        let is_up =
            || replica.cli(&["INFO", "replication"]).is_ok_and(|text| text.contains("link_status:up"));
        if !wait_until(Duration::from_secs(10), is_up) {
            bail!("the replica does not follow the master within 10 s");
        }
        wait_until_replicated(from_ref(&master), from_ref(&replica))?;
        let sentinels = (0..3).map(|_| Sentinel::start(master.port())).collect::<Result<Vec<_>>>()?;
        let all = RedisSentinels { sentinels, servers: vec![master, replica] };
        if !wait_until(Duration::from_secs(20), || {
            all.sentinels.iter().all(|sentinel| all.knows_all(sentinel))
        }) {
            bail!("the sentinels do not know each other within 20 s");
        }
        Ok(all)
    }

    /// `127.0.0.1:PORT` of each sentinel.
    pub fn addresses(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect()
    }

    /// The first master (0) or its replica (1).
    pub fn server(&mut self, at: usize) -> &mut Redis {
        &mut self.servers[at]
    }

    /// Gives each sentinel a command.
    pub fn command(&self, command: &[&str]) -> Result<()> {
        // Any server's command line will do.
        let at = |sentinel: &Sentinel| self.servers[0].cli_at(sentinel.port, command).map(drop);
        self.sentinels.iter().try_for_each(at)
    }

    fn knows_all(&self, sentinel: &Sentinel) -> bool {
        let answer = self.servers[0].cli_at(sentinel.port, &["SENTINEL", "MASTER", "mymaster"]);
        answer.is_ok_and(|text| text.contains("num-slaves\n1\n") && text.contains("num-other-sentinels\n2\n"))
    }
}

impl Sentinel {
    fn start(master: u16) -> Result<Sentinel> {
        let dir = temp_dir("sentinel")?;
        let port = ports::free();
        let config = format!(
            "port {port}\nbind 127.0.0.1\n\
             sentinel monitor mymaster 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 3000\n"
        );
        let file = dir.path().join("sentinel.conf");
        fs::write(&file, config)?;
        let process = Launch::new("sentinel", Tool::RedisServer.path()?, dir.path())
            .args([file.display().to_string(), "--sentinel".to_owned()])
            .timeout(Duration::from_secs(10))
            .start(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Sentinel { port, _process: process, _dir: dir })
    }
}

fn start_server(args: &[&str]) -> Result<Redis> {
    let args = [args, &["--repl-diskless-sync-delay", "0"]].concat();
    Redis::start(RedisOptions {
        args: args.into_iter().map(str::to_owned).collect(),
        ..RedisOptions::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replica_becomes_the_master() {
        let mut redis = RedisSentinels::start().unwrap();
        redis.server(0).stop();
        let is_master = |redis: &mut RedisSentinels| {
            redis.server(1).cli(&["ROLE"]).is_ok_and(|role| role.starts_with("master"))
        };
        assert!(wait_until(Duration::from_secs(20), || is_master(&mut redis)));
    }
}
