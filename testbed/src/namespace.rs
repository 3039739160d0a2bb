//! A network namespace of a test's own: another host on this machine, whose cable can be pulled. Needs root.
//!
//! It is held by a process and gone with it, whatever becomes of the test.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::containers::{is_root, output};
use crate::{Launch, Process, Tool, temp_dir};

/// The first of the addresses that are kept for tests of networks (RFC 2544), 2^17 of them.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// How many of them a namespace takes.
const EACH: u32 = 8;

/// Another host. Two cables lead to it: one for its clients, and one for what it needs itself.
#[derive(Debug)]
pub struct Namespace {
    holder: Process,
    front: Cable,
    back: Cable,
    _dir: TempDir,
}

/// A pair of interfaces.
#[derive(Debug, Clone)]
struct Cable {
    outer: String,
    inner: &'static str,
    outside: Ipv4Addr,
    inside: Ipv4Addr,
}

impl Cable {
    /// Each on a network of four addresses of its own.
    fn new(inner: &'static str, network: u32) -> Cable {
        let address = |number| Ipv4Addr::from(network + number);
        Cable { outer: format!("{inner}{network:x}"), inner, outside: address(1), inside: address(2) }
    }
}

impl Namespace {
    /// Why none can be made here, if none can.
    pub fn obstacle() -> Option<&'static str> {
        if !is_root() {
            return Some("a network namespace needs root");
        }
        // Root in a container may not be allowed to.
        let mut attempt = Command::new("unshare");
        let attempt = attempt.args(["--net", "true"]).stderr(Stdio::null()).status();
        let is_allowed = attempt.is_ok_and(|status| status.success());
        (!is_allowed).then_some("network namespaces may not be made here")
    }

    /// Makes one.
    ///
    /// # Errors
    /// If [`Namespace::obstacle`] has something to say.
    pub fn start() -> Result<Namespace> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id().wrapping_mul(64).wrapping_add(MADE.fetch_add(1, Ordering::Relaxed));
        let network = FIRST + number % ((1 << 17) / EACH) * EACH;
        let [front, back] = [Cable::new("front", network), Cable::new("back", network + EACH / 2)];

        let dir = temp_dir("namespace")?;
        let wait = "touch ready; exec sleep infinity";
        let launch = Launch::new("namespace", "unshare", dir.path()).args(["--net", "sh", "-c", wait]);
        let is_ready = || dir.path().join("ready").exists();
        let holder = launch.start(is_ready).context("cannot make a network namespace")?;
        let namespace = Namespace { holder, front, back, _dir: dir };
        namespace.lay(&namespace.front)?;
        namespace.lay(&namespace.back)?;
        Ok(namespace)
    }

    fn lay(&self, Cable { outer, inner, outside, inside }: &Cable) -> Result<()> {
        let pid = self.holder.pid().to_string();
        ip(&["link", "add", outer, "type", "veth", "peer", "name", inner, "netns", &pid])?;
        ip(&["address", "add", &format!("{outside}/30"), "dev", outer])?;
        ip(&["link", "set", outer, "up"])?;
        self.ip(&["address", "add", &format!("{inside}/30"), "dev", inner])?;
        self.ip(&["link", "set", inner, "up"])
    }

    /// For [`Launch::network`].
    pub fn network(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.pid()).into()
    }

    /// Where clients find this host.
    pub fn address(&self) -> Ipv4Addr {
        self.front.inside
    }

    /// Where this host finds what it needs, by the cable that is not pulled.
    pub fn gateway(&self) -> Ipv4Addr {
        self.back.outside
    }

    /// Pulls the clients' cable, or puts it back in.
    pub fn set_front(&self, is_up: bool) -> Result<()> {
        self.ip(&["link", "set", self.front.inner, if is_up { "up" } else { "down" }])
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        let mut enter = Command::new("nsenter");
        enter.arg(format!("--net={}", self.network().display())).arg(Tool::Ip.path()?);
        output(enter.args(arguments)).map(drop)
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    output(Command::new(Tool::Ip.path()?).args(arguments)).map(drop)
}
