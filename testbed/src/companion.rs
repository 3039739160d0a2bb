//! The companion, `slipstream serve`.

use std::fs;
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
}

/// A running companion.
#[derive(Debug)]
pub struct Companion {
    process: Process,
    port: u16,
    _dir: TempDir,
}

impl Companion {
    /// Starts the built companion and waits until `/healthz` answers.
    pub fn start(options: &CompanionOptions) -> Result<Companion> {
        let dir = temp_dir("companion")?;
        let port = options.port.unwrap_or_else(ports::free);
        let mut launch = Launch::new("slipstream", artifacts::companion()?, dir.path())
            .arg("serve")
            .env("SLIPSTREAM_LISTEN", format!("127.0.0.1:{port}"))
            .cpus(options.cpus.clone())
            .timeout(Duration::from_secs(30));
        if let Some(config) = &options.config {
            fs::write(dir.path().join("slipstream.toml"), config)
                .context("cannot write the configuration")?;
            launch = launch.args(["--config", "slipstream.toml"]);
        }
        for (name, value) in &options.env {
            launch = launch.env(name, value);
        }
        let process = launch.start(|| http::is_ok(&format!("http://127.0.0.1:{port}/healthz")))?;
        Ok(Companion { process, port, _dir: dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
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
