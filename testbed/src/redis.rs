//! A throwaway Redis.

mod cluster;
mod replication;
mod sentinels;

pub use cluster::RedisCluster;
pub use sentinels::RedisSentinels;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{Launch, Process, Tool, ports, temp_dir};

/// How to start a Redis.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// More arguments of `redis-server`, such as `["--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"]`.
    pub args: Vec<String>,
    /// Keep an append-only file, so that data survives `stop` and `start_again`.
    pub append_only: bool,
    /// Speak TLS only, with this folder's `ca.pem`, `cert.pem` and `key.pem`, and ask for a certificate too.
    pub tls: Option<PathBuf>,
    /// Processors to pin it to, in the notation of `taskset -c`.
    pub cpus: Option<String>,
    /// Redis 8, which has vector sets, instead of the older one.
    pub with_vector_sets: bool,
}

/// A Redis server with nothing in it.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    options: RedisOptions,
    cli: PathBuf,
    dir: TempDir,
}

impl Redis {
    /// Starts a server on a free loopback port.
    pub fn start(options: RedisOptions) -> Result<Redis> {
        let cli = Tool::RedisCli.path()?;
        let mut redis = Redis { process: None, port: ports::free(), options, cli, dir: temp_dir("redis")? };
        redis.start_again()?;
        Ok(redis)
    }

    /// The port on 127.0.0.1; it stays the same over `stop` and `start_again`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The server's process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// The server's process (to pause, resume or kill it), if it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Stops the server; connections to it are refused from here on.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port, empty unless it keeps an append-only file. Does nothing if it runs.
    pub fn start_again(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process
            && process.exit_status()?.is_none()
        {
            return Ok(());
        }
        let server = if self.options.with_vector_sets { Tool::RedisServer8 } else { Tool::RedisServer };
        let launch = Launch::new("redis", server.path()?, self.dir.path())
            .args([
                "--bind",
                "127.0.0.1",
                if self.options.tls.is_some() { "--tls-port" } else { "--port" },
                &self.port.to_string(),
                "--save",
                "",
                "--daemonize",
                "no",
            ])
            .args(["--dir", &self.dir.path().display().to_string()])
            .args(["--appendonly", if self.options.append_only { "yes" } else { "no" }])
            .args(self.options.tls.iter().flat_map(|folder| {
                let tls =
                    |name, file| [format!("--tls-{name}-file"), folder.join(file).display().to_string()];
                let files = [("ca-cert", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem")];
                let files = files.into_iter().flat_map(move |(name, file)| tls(name, file));
                files.chain(["--port", "0"].map(str::to_owned))
            }))
            .args(self.options.args.iter().cloned())
            .cpus(self.options.cpus.clone())
            .timeout(Duration::from_secs(10));
        self.process = Some(launch.start(|| self.cli(&["PING"]).is_ok_and(|answer| answer == "PONG"))?);
        Ok(())
    }

    /// Runs one command by `redis-cli` and returns what it prints.
    pub fn cli(&self, command: &[&str]) -> Result<String> {
        self.cli_at(self.port, command)
    }

    /// `redis-cli` for a server at this port that speaks as this one does.
    fn cli_to(&self, port: u16) -> Command {
        let mut cli = Command::new(&self.cli);
        cli.args(["-e", "-h", "127.0.0.1", "-p", &port.to_string()]);
        if let Some(folder) = &self.options.tls {
            cli.arg("--tls");
            for (name, file) in [("--cacert", "ca.pem"), ("--cert", "cert.pem"), ("--key", "key.pem")] {
                cli.arg(name).arg(folder.join(file));
            }
        }
        cli
    }

    /// Runs one command at another port.
    pub(crate) fn cli_at(&self, port: u16, command: &[&str]) -> Result<String> {
        let mut cli = self.cli_to(port);
        let output = cli.args(command).output().context("cannot run redis-cli")?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if !output.status.success() {
            bail!("{command:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_or_keeps_its_data_over_a_restart_as_asked() {
        for append_only in [false, true] {
            let mut redis = Redis::start(RedisOptions { append_only, ..RedisOptions::default() }).unwrap();
            assert_eq!(redis.cli(&["SET", "key", "value"]).unwrap(), "OK");
            let pid = redis.pid();
            redis.stop();
            assert!(redis.cli(&["PING"]).is_err());
            redis.start_again().unwrap();
            assert_ne!(redis.pid(), pid);
            assert_eq!(redis.cli(&["GET", "key"]).unwrap(), if append_only { "value" } else { "" });
        }
    }

    #[test]
    fn speaks_tls_to_those_with_a_certificate() {
        let certificates = crate::Certificates::new().unwrap();
        let tls = Some(certificates.folder().to_owned());
        let redis = Redis::start(RedisOptions { tls, ..RedisOptions::default() }).unwrap();
        assert_eq!(redis.cli(&["SET", "key", "value"]).unwrap(), "OK");
        let other = Redis::start(RedisOptions::default()).unwrap();
        assert!(other.cli_at(redis.port(), &["PING"]).is_err());
    }

    #[test]
    fn wrong_arguments_are_an_error_that_shows_the_log() {
        let args = vec!["--no-such-option".to_owned(), "1".to_owned()];
        let error = Redis::start(RedisOptions { args, ..RedisOptions::default() }).unwrap_err().to_string();
        assert!(error.contains("no-such-option"), "{error}");
    }
}
