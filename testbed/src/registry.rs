//! A registry of container images, `docker-registry`.

use std::fs;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{Launch, Process, Tool, http, ports, temp_dir};

/// A running registry, which speaks plain HTTP and lets everybody in.
#[derive(Debug)]
pub struct Registry {
    _process: Process,
    port: u16,
    _dir: TempDir,
}

impl Registry {
    /// Starts it on a free port, empty.
    pub fn start() -> Result<Registry> {
        let dir = temp_dir("registry")?;
        let port = ports::free();
        let root = dir.path().join("images");
        let config = format!(
            "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: 127.0.0.1:{port} }}\n",
            root.display()
        );
        fs::write(dir.path().join("config.yml"), config).context("cannot write the configuration")?;
        let process = Launch::new("docker-registry", Tool::DockerRegistry.path()?, dir.path())
            .args(["serve", "config.yml"])
            .start(|| http::is_ok(&format!("http://127.0.0.1:{port}/v2/")))?;
        Ok(Registry { _process: process, port, _dir: dir })
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority())
    }
}
