//! A container engine of the tests' own, on a machine where they are root, and images that stand in for published ones.
//!
//! No registry is asked: the base is Debian by debootstrap, and what stands in is built from `testbed/containers` and tagged with the
//! names that the compose file uses. Images are kept in the target folder; everything else goes when the engine is dropped.

pub mod base;
mod firewall;
pub mod images;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::paths::target_dir;
use crate::{Launch, Lock, Process, Tool, temp_dir};
use firewall::Firewall;

/// What an engine needs of this machine.
pub const TOOLS: [Tool; 5] =
    [Tool::ContainerEngine, Tool::ContainerClient, Tool::DockerCompose, Tool::Debootstrap, Tool::Iptables];

/// Addresses for the engine's networks, out of the way of its defaults, which another engine may use.
const ADDRESSES: [&str; 4] = ["--bridge", "none", "--default-address-pool", "base=172.31.240.0/21,size=26"];

/// A running container engine (dockerd).
#[derive(Debug)]
pub struct Engine {
    process: Process,
    socket: PathBuf,
    firewall: Firewall,
    dir: TempDir,
    _lock: Lock,
}

impl Engine {
    /// Starts one. The error says what of this machine keeps it from running.
    pub fn start() -> Result<Engine> {
        if !is_root() {
            bail!("a container engine needs root");
        }
        for tool in TOOLS {
            tool.path()?;
        }
        let kept = target_dir().join("container-engine");
        let lock = Lock::wait(&kept.join("lock"), || eprintln!("waiting for another container engine"))?;
        let dir = temp_dir("containers")?;
        let socket = dir.path().join("docker.sock");
        let firewall = Firewall::remember()?;
        let text = |path: &Path| path.display().to_string();
        let answers = || {
            let mut ask = client(&socket);
            ask.arg("info")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let process = Launch::new("dockerd", Tool::ContainerEngine.path()?, dir.path())
            .args(["--data-root", &text(&kept.join("data")), "--exec-root", &text(&dir.path().join("run"))])
            .args([
                "--host",
                &format!("unix://{}", socket.display()),
                "--pidfile",
                &text(&dir.path().join("pid")),
            ])
            .args(ADDRESSES)
            .timeout(Duration::from_secs(60))
            .start(answers)?;
        let engine = Engine { process, socket, firewall, dir, _lock: lock };
        // A run that was killed may have left some, and they would come back with the engine.
        engine.remove_containers()?;
        Ok(engine)
    }

    /// `docker`, for this engine.
    pub fn client(&self) -> Command {
        client(&self.socket)
    }

    /// `docker compose`, for this engine.
    pub fn compose(&self) -> Result<Command> {
        let mut compose = compose()?;
        compose.env("DOCKER_HOST", format!("unix://{}", self.socket.display()));
        Ok(compose)
    }

    /// The images that `compose/compose.yaml` names, but for those of which no stand-in can be had; `progress` is told what is done.
    /// What was built before is not built again.
    pub fn make_images(&self, progress: impl FnMut(&str)) -> Result<()> {
        images::make(self, progress)
    }

    /// What is left of containers, networks and volumes, one a line.
    pub fn leftovers(&self) -> Result<String> {
        let lists: [&[&str]; 3] = [
            &["ps", "--all", "--format", "container {{.Names}}"],
            &["network", "ls", "--filter", "type=custom", "--format", "network {{.Name}}"],
            &["volume", "ls", "--format", "volume {{.Name}}"],
        ];
        lists.iter().map(|list| output(self.client().args(*list))).collect()
    }

    fn remove_containers(&self) -> Result<()> {
        let ids = output(self.client().args(["ps", "--all", "--quiet"]))?;
        if !ids.trim().is_empty() {
            output(self.client().args(["rm", "--force", "--volumes"]).args(ids.split_whitespace()))?;
        }
        output(self.client().args(["network", "prune", "--force"]))?;
        output(self.client().args(["volume", "prune", "--force"])).map(drop)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Else the bridges of its networks, and their rules, would stay when it has gone.
        if let Err(error) = self.remove_containers() {
            eprintln!("cannot remove what the container engine runs: {error:#}");
        }
        self.process.stop_within(Duration::from_secs(60));
        self.firewall.restore();
        unmount_below(self.dir.path());
    }
}

/// It leaves the network of the machine itself mounted in its folder, which could not be removed then.
fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| Path::new(place).starts_with(folder)) {
        let _ = Command::new("umount").arg(place).status();
    }
}

/// Whether this program may do everything on this machine.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn client(socket: &Path) -> Command {
    // If it is not there, running it says so.
    let mut docker = Command::new(Tool::ContainerClient.path().unwrap_or_else(|_| "docker".into()));
    docker.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    // There is no plugin for the other builder, and no need of it.
    docker.env("DOCKER_BUILDKIT", "0").env("DOCKER_CLI_HINTS", "false").stdin(Stdio::null());
    docker
}

/// `docker compose`, which also reads and resolves files where there is no engine.
pub fn compose() -> Result<Command> {
    let mut compose = Command::new(Tool::DockerCompose.path()?);
    compose.stdin(Stdio::null()).env("DOCKER_BUILDKIT", "0");
    Ok(compose)
}

/// What a command prints; the error shows all that it said.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        bail!(
            "{shown} failed ({}):\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr).trim_end()
        );
    }
    Ok(text(&output.stdout))
}
