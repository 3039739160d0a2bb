//! A throwaway PgBouncer.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::account::unprivileged;
use crate::{Launch, Process, Tool, ports, temp_dir};

/// How to start a PgBouncer that trusts everyone.
#[derive(Debug, Clone, Default)]
pub struct PgBouncerOptions {
    /// Where each database is: its name for clients, and a connection string such as `host=127.0.0.1 port=5433`.
    pub databases: Vec<(String, String)>,
    /// More lines of the section `[pgbouncer]`, such as `default_pool_size = 5`. Transaction mode is set already.
    pub settings: Vec<String>,
}

/// A PgBouncer on a free port, with a folder that its configuration is in.
#[derive(Debug)]
pub struct PgBouncer {
    process: Process,
    launch: Launch,
    port: u16,
    folder: PathBuf,
    // Fields drop in order: the server stops before its files go.
    _dir: TempDir,
}

impl PgBouncer {
    /// Starts one that lets everyone in as whom they say, the user `postgres` also into its console.
    pub fn start(options: &PgBouncerOptions) -> Result<PgBouncer> {
        let databases: String =
            options.databases.iter().map(|(name, target)| format!("{name} = {target}\n")).collect();
        let settings = options.settings.join("\n");
        PgBouncer::start_configured(|folder, port| {
            let users = folder.join("userlist.txt");
            fs::write(&users, "\"postgres\" \"\"\n")?;
            let ini = format!(
                "[databases]\n{databases}[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = trust\nauth_file = {}\nadmin_users = postgres\n\
                 pool_mode = transaction\n{settings}\n",
                users.display()
            );
            Ok(fs::write(folder.join("pgbouncer.ini"), ini)?)
        })
    }

    /// Starts one on the configuration that `configure` writes to `pgbouncer.ini` in the folder it is given, for the
    /// port it is given. As root the server runs as another user, who gets what is in the folder.
    pub fn start_configured(configure: impl FnOnce(&Path, u16) -> Result<()>) -> Result<PgBouncer> {
        let program = Tool::PgBouncer.path()?;
        let dir = temp_dir("pgbouncer")?;
        let folder = dir.path().join("etc");
        fs::create_dir(&folder)?;
        let port = ports::free();
        configure(&folder, port)?;
        let user = unprivileged()?;
        if let Some(user) = user {
            for file in fs::read_dir(&folder)? {
                chown(file?.path(), Some(user.uid), Some(user.gid))
                    .context("cannot hand over the configuration")?;
            }
            chown(&folder, Some(user.uid), Some(user.gid)).context("cannot hand over the configuration")?;
        }
        let launch = Launch::new("pgbouncer", program, dir.path())
            .arg(folder.join("pgbouncer.ini").display().to_string())
            .user(user);
        let process = launch.clone().start(|| is_open(port))?;
        Ok(PgBouncer { process, launch, port, folder, _dir: dir })
    }

    /// Starts it again on the same port. It must have ended.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = self.launch.clone().start(|| is_open(self.port))?;
        Ok(())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of `pgbouncer.ini`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The URL of a database through it, for this user.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
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

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::Postgres;

    #[test]
    fn passes_queries_on() {
        let postgres = Postgres::start().unwrap();
        let target = format!("host=127.0.0.1 port={}", postgres.port());
        let options = PgBouncerOptions {
            databases: vec![("postgres".to_owned(), target)],
            settings: vec!["default_pool_size = 3".to_owned()],
        };
        let pgbouncer = PgBouncer::start(&options).unwrap();
        let ask = |database: &str, sql: &str| {
            let psql = Tool::Postgres.path().unwrap().with_file_name("psql");
            let url = pgbouncer.url("postgres", database);
            let output = Command::new(psql).args(["-X", "-A", "-t", "-c", sql, &url]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(ask("postgres", "SELECT 6 * 7"), "42\n");
        assert!(ask("pgbouncer", "SHOW CONFIG").contains("default_pool_size|3|"));
    }

    #[test]
    fn a_wrong_configuration_is_an_error_that_shows_the_log() {
        let settings = vec!["pool_mode = nonsense".to_owned()];
        let options = PgBouncerOptions { settings, ..PgBouncerOptions::default() };
        let error = PgBouncer::start(&options).unwrap_err().to_string();
        assert!(error.contains("pool_mode"), "{error}");
    }
}
