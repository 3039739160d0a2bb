//! A throwaway PostgreSQL with TimescaleDB.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::{Launch, Process, Tool, ports, temp_dir, workspace_root};

/// PostgreSQL 17 with TimescaleDB, its licence `timescale`, in WebAssembly: everything is in its memory, there is one session
/// for all connections (settings and advisory locks are everybody's), and no background worker runs jobs. `CREATE INDEX CONCURRENTLY`
/// leaves an invalid index behind there. For tests and benchmarks only.
#[derive(Debug)]
pub struct Timescale {
    process: Process,
    port: u16,
    _dir: TempDir,
}

impl Timescale {
    /// Starts one with an empty database that has the extension. It takes some seconds, and half a gigabyte of memory.
    pub fn start() -> Result<Timescale> {
        let library = Tool::Timescale.path()?;
        let modules = library.ancestors().nth(4).unwrap_or(&library).display().to_string();
        let dir = temp_dir("timescale")?;
        let port = ports::free();
        let server = workspace_root().join("testbed/timescale/server.mjs").display().to_string();
        let process = Launch::new("timescale", Tool::Node.path()?, dir.path())
            .args([server, modules, port.to_string()])
            .timeout(Duration::from_secs(120))
            .start(|| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Timescale { process, port, _dir: dir })
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// SQL that fills `tp_capital_signals` with signals of this many assets (at most 12), as many of each, over 360 days.
    pub fn signals(assets: u32, each: u32) -> String {
        let sql = include_str!("../timescale/signals.sql");
        sql.replace("$ASSETS", &assets.to_string()).replace("$ROWS", &each.to_string())
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn connections_take_turns_and_leave_no_transaction_open() {
        let timescale = Timescale::start().unwrap();
        let ask = |sql: &[&str]| {
            let psql = Tool::Postgres.path().unwrap().with_file_name("psql");
            let mut command = Command::new(psql);
            command.args(["-X", "-q", "-A", "-t"]).args(sql.iter().flat_map(|sql| ["-c", sql]));
            let output = command.arg(timescale.url()).output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
        };
        assert_eq!(ask(&["SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"]), "1");
        assert_eq!(ask(&["SHOW timescaledb.license"]), "timescale");
        assert_eq!(ask(&["CREATE TABLE t (n int)", "BEGIN", "INSERT INTO t VALUES (1)"]), "");
        assert_eq!(ask(&["SELECT count(*) FROM t"]), "0");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    ask(&[
                        "BEGIN",
                        "INSERT INTO t VALUES (1)",
                        "SELECT nonsense",
                        "ROLLBACK",
                        "INSERT INTO t VALUES (2)",
                    ])
                });
            }
        });
        assert_eq!(ask(&["SELECT sum(n) FROM t"]), "8");
    }
}
