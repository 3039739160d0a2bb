//! The companion, `slipstream serve`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{Launch, Process, artifacts, http, ports, temp_dir};

/// How to run the companion.
#[derive(Debug, Clone, Default)]
pub struct CompanionOptions {
    /// The configuration file's text (TOML), if there is to be one.
    pub config: Option<String>,
    /// Environment variables, such as `("REDIS_PORT", "6380")`. The caller's own are not passed on.
    pub env: Vec<(String, String)>,
    /// A port to listen on instead of a free one, to come back where another companion was.
    pub port: Option<u16>,
    /// Processors to pin it to, in the notation of `taskset -c`.
    pub cpus: Option<String>,
    /// The host it runs on, if it is not this one: a network namespace, and where it is reached.
    pub host: Option<(PathBuf, Ipv4Addr)>,
}

/// A running companion.
#[derive(Debug)]
pub struct Companion {
    process: Process,
    address: SocketAddr,
    _dir: TempDir,
}

impl Companion {
    /// Starts the built companion and waits until `/healthz` answers.
    pub fn start(options: &CompanionOptions) -> Result<Companion> {
        let dir = temp_dir("companion")?;
        let port = options.port.unwrap_or_else(ports::free);
        let (network, ip) = options.host.clone().unzip();
        let address = SocketAddr::from((ip.unwrap_or(Ipv4Addr::LOCALHOST), port));
        let mut launch = Launch::new("slipstream", artifacts::companion()?, dir.path())
            .arg("serve")
            .env("SLIPSTREAM_LISTEN", address.to_string())
            .cpus(options.cpus.clone())
            .network(network)
            .timeout(Duration::from_secs(30));
        if let Some(config) = &options.config {
            fs::write(dir.path().join("slipstream.toml"), config)
                .context("cannot write the configuration")?;
            launch = launch.args(["--config", "slipstream.toml"]);
        }
        for (name, value) in &options.env {
            launch = launch.env(name, value);
        }
        let process = launch.start(|| http::is_ok(&format!("http://{address}/healthz")))?;
        Ok(Companion { process, address, _dir: dir })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port, on 127.0.0.1 or on its own host.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// `http://ADDRESS:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
