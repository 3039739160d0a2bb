//! A throwaway PostgreSQL.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::account::unprivileged;
use crate::{Certificates, Launch, Process, Tool, User, ports, temp_dir, wait_until};

/// A PostgreSQL server with an empty database, trusting every local connection, safe from nothing (`fsync=off`).
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    launch: Launch,
    port: u16,
    settings: Vec<String>,
    programs: PathBuf,
    // Fields drop in order: the server stops before its files go.
    _dir: TempDir,
}

impl Postgres {
    /// Initialises and starts a server. It refuses to run as root, so then it runs as `postgres` or `nobody`.
    pub fn start() -> Result<Postgres> {
        Postgres::start_with(&[])
    }

    /// Like `start`, with settings such as `max_connections=20`.
    pub fn start_with(settings: &[&str]) -> Result<Postgres> {
        Postgres::launch(settings, None, initialise)
    }

    /// Like `start`, with TLS by these certificates. The role `postgres` is trusted; everybody else needs TLS and a password.
    pub fn start_secured(certificates: &Certificates) -> Result<Postgres> {
        Postgres::start_secured_with(certificates, &[])
    }

    /// Like `start_secured`, with settings.
    pub fn start_secured_with(certificates: &Certificates, settings: &[&str]) -> Result<Postgres> {
        Postgres::launch(settings, Some(certificates), initialise)
    }

    /// A replica of another server, with the same settings. `SELECT pg_promote()` makes it a server of its own.
    pub fn replica_of(primary: &Postgres) -> Result<Postgres> {
        let settings: Vec<&str> = primary.settings.iter().map(String::as_str).collect();
        Postgres::launch(&settings, None, |programs, home, data, user| {
            let mut command = program(&programs.join("pg_basebackup"), user);
            command.args(["-h", "127.0.0.1", "-p", &primary.port.to_string(), "-U", "postgres", "-D", data]);
            command.args(["-R", "--checkpoint=fast", "--no-sync"]).current_dir(home).env("HOME", home);
            run(&mut command)
        })
    }

    fn launch(
        settings: &[&str],
        certificates: Option<&Certificates>,
        fill: impl FnOnce(&Path, &str, &str, Option<User>) -> Result<()>,
    ) -> Result<Postgres> {
        let server = Tool::Postgres.path()?;
        let programs = server.parent().context("postgres is in no folder")?.to_owned();
        let dir = temp_dir("postgres")?;
        let user = unprivileged()?;
        let home = dir.path().join("home");
        fs::create_dir(&home)?;
        if let Some(user) = user {
            chown(&home, Some(user.uid), Some(user.gid)).context("cannot hand over the data folder")?;
        }
        let (data, port) = (home.join("data").display().to_string(), ports::free());
        fill(&programs, &home.display().to_string(), &data, user)?;
        let secured = certificates.map_or(Ok(Vec::new()), |own| secure(own, &home, user))?;
        let socket = format!("unix_socket_directories={}", home.display());
        let own = [
            socket.as_str(),
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            // Leaves nothing in /dev/shm when it is killed.
            "dynamic_shared_memory_type=mmap",
        ];
        let mut launch = Launch::new("postgres", server, dir.path())
            .args(["-D", &data, "-p", &port.to_string()])
            .user(user)
            // The polite signal waits for clients to leave, and nobody needs what is in here.
            .stop_signal(Signal::QUIT);
        for setting in
            own.iter().copied().chain(secured.iter().map(String::as_str)).chain(settings.iter().copied())
        {
            launch = launch.args(["-c", setting]);
        }
        let process = launch.clone().start(is_ready(&programs, port))?;
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Ok(Postgres { process, launch, port, settings, programs, _dir: dir })
    }

    /// Stops the server as an administrator does: clients are cut off, and what was committed stays.
    pub fn stop(&mut self) {
        self.process.signal(Signal::INT);
        wait_until(Duration::from_secs(30), || !matches!(self.process.exit_status(), Ok(None)));
        self.process.kill();
    }

    /// Starts it again on the same port, with what it had. It must have been stopped.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = self.launch.clone().start(is_ready(&self.programs, self.port))?;
        Ok(())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the database that is there from the start.
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// Makes another, empty database and returns its URL.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.sql(&format!("CREATE DATABASE \"{name}\""))?;
        Ok(self.database_url(name))
    }

    /// Runs SQL in the first database and returns what `psql -At` prints.
    pub fn sql(&self, sql: &str) -> Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url()])
            .output()
            .context("cannot run psql")?;
        if !output.status.success() {
            bail!("{sql:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// The server's process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn database_url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// Whether the server at this port takes connections.
fn is_ready(programs: &Path, port: u16) -> impl FnMut() -> bool + use<> {
    let program = programs.join("pg_isready");
    move || {
        let mut command = Command::new(&program);
        command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres"]);
        command.status().is_ok_and(|status| status.success())
    }
}

/// Puts certificate, key and rules where the server can read them; the settings that name them.
fn secure(certificates: &Certificates, home: &Path, user: Option<User>) -> Result<Vec<String>> {
    let rules = "host all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    let place = |name: &str, content: Vec<u8>| -> Result<String> {
        let path = home.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if let Some(user) = user {
            chown(&path, Some(user.uid), Some(user.gid))?;
        }
        Ok(path.display().to_string())
    };
    Ok(vec![
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", place("cert.pem", fs::read(certificates.cert())?)?),
        format!("ssl_key_file={}", place("key.pem", fs::read(certificates.key())?)?),
        format!("hba_file={}", place("hba.conf", rules.as_bytes().to_vec())?),
    ])
}

fn initialise(programs: &Path, home: &str, data: &str, user: Option<User>) -> Result<()> {
    let mut command = program(&programs.join("initdb"), user);
    command.args(["-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions"]);
    command.args(["--no-locale", "--encoding=UTF8"]).current_dir(home).env("HOME", home);
    run(&mut command)
}

/// A program, run as this user.
fn program(path: &Path, user: Option<User>) -> Command {
    let Some(User { uid, gid }) = user else { return Command::new(path) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]).arg(path);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_outlives_a_restart() {
        let mut postgres = Postgres::start_with(&["synchronous_commit=on"]).unwrap();
        postgres.sql("CREATE TABLE t AS SELECT 7 AS n").unwrap();
        postgres.stop();
        assert!(postgres.sql("SELECT n FROM t").is_err());
        postgres.start_again().unwrap();
        assert_eq!(postgres.sql("SELECT n FROM t").unwrap(), "7");
    }

    #[test]
    fn answers_sql_and_takes_its_files_along() {
        let postgres = Postgres::start().unwrap();
        assert_eq!(postgres.sql("SELECT 6 * 7").unwrap(), "42");
        assert!(postgres.create_database("other").unwrap().ends_with("/other"));
        assert!(postgres.sql("SELECT nonsense").unwrap_err().to_string().contains("nonsense"));
        let (folder, pid) = (postgres._dir.path().to_owned(), postgres.process.pid());
        drop(postgres);
        assert!(!folder.exists() && !PathBuf::from(format!("/proc/{pid}")).exists());
    }
}
