//! The demo's workspace API, `slipstream-demo serve`.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::{Launch, Process, artifacts, http, ports, temp_dir};

/// A running workspace API.
#[derive(Debug)]
pub struct Demo {
    process: Process,
    port: u16,
    _dir: TempDir,
}

impl Demo {
    /// Starts the built API on this database and waits until it is filled with `items` items and healthy.
    pub fn start(database_url: &str, items: u32) -> Result<Demo> {
        Demo::start_binary(&artifacts::demo()?, database_url, items)
    }

    /// Like `start`, with these environment variables, such as `("QUERY_CACHE_ENABLED", "true")`.
    pub fn start_with(database_url: &str, items: u32, env: &[(&str, &str)]) -> Result<Demo> {
        Demo::launch(&artifacts::demo()?, database_url, items, env)
    }

    /// Like `start_binary`, with queries through the PgBouncer at this port.
    pub fn start_binary_pooled(
        binary: &Path,
        database_url: &str,
        pgbouncer_port: u16,
        items: u32,
    ) -> Result<Demo> {
        let port = pgbouncer_port.to_string();
        Demo::launch(binary, database_url, items, &[("USE_PGBOUNCER", "true"), ("PGBOUNCER_PORT", &port)])
    }

    /// Like `start`, with this binary: the API's own tests have one that cargo built for them.
    pub fn start_binary(binary: &Path, database_url: &str, items: u32) -> Result<Demo> {
        Demo::launch(binary, database_url, items, &[])
    }

    /// Like `start_binary`, with these environment variables.
    pub fn start_binary_with(
        binary: &Path,
        database_url: &str,
        items: u32,
        env: &[(&str, &str)],
    ) -> Result<Demo> {
        Demo::launch(binary, database_url, items, env)
    }

    fn launch(binary: &Path, database_url: &str, items: u32, env: &[(&str, &str)]) -> Result<Demo> {
        let dir = temp_dir("demo")?;
        let port = ports::free();
        let mut launch = Launch::new("slipstream-demo", binary, dir.path());
        for (name, value) in env {
            launch = launch.env(name, *value);
        }
        let process = launch
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", database_url])
            .args(["--items", &items.to_string()])
            .timeout(Duration::from_secs(120))
            .start(|| http::is_ok(&format!("http://127.0.0.1:{port}/health")))?;
        Ok(Demo { process, port, _dir: dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
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
