//! A child process that logs to a file, is waited for until it is ready, and never outlives its parent.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// What of our own environment a server gets to see; everything else could make tests depend on the caller's shell.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LANG", "LLVM_PROFILE_FILE"];

/// The user and group ids a server runs as when it refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// What to start, and how to stop it.
#[derive(Debug, Clone)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    folder: PathBuf,
    user: Option<User>,
    cpus: Option<String>,
    network: Option<PathBuf>,
    stop_signal: Signal,
    timeout: Duration,
}

impl Launch {
    /// `program`, called `name` in messages, running in `folder` and logging to `folder/NAME.log`.
    pub fn new(name: &str, program: impl Into<PathBuf>, folder: &Path) -> Launch {
        Launch {
            name: name.to_owned(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            folder: folder.to_owned(),
            user: None,
            cpus: None,
            network: None,
            stop_signal: Signal::TERM,
            timeout: Duration::from_secs(30),
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Launch {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Launch {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable. Of our own environment the child sees little more than `PATH` and `HOME`.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Launch {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Runs it as this user; only root may.
    pub fn user(mut self, user: Option<User>) -> Launch {
        self.user = user;
        self
    }

    /// Pins it to these processors, in the notation of `taskset -c`: `0` or `1,3`.
    pub fn cpus(mut self, cpus: Option<String>) -> Launch {
        self.cpus = cpus;
        self
    }

    /// Runs it in this network namespace, such as that of [`crate::Namespace::network`]; only root may.
    pub fn network(mut self, network: Option<PathBuf>) -> Launch {
        self.network = network;
        self
    }

    /// The signal that asks it to stop; SIGTERM unless set.
    pub fn stop_signal(mut self, signal: Signal) -> Launch {
        self.stop_signal = signal;
        self
    }

    /// How long it may take to get ready; 30 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Launch {
        self.timeout = timeout;
        self
    }

    /// Starts it and waits until `ready` says so. The error of one that ends before, or takes too long, shows the
    /// end of its log.
    pub fn start(self, mut ready: impl FnMut() -> bool) -> Result<Process> {
        let mut process = self.spawn()?;
        let (name, timeout) = (process.launch.name.clone(), process.launch.timeout);
        let start = Instant::now();
        while !ready() {
            if let Some(status) = process.exit_status()? {
                bail!("{name} ended while starting ({status}); its log ends:\n{}", process.log_tail());
            }
            if start.elapsed() > timeout {
                bail!("{name} was not ready within {timeout:?}; its log ends:\n{}", process.log_tail());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(process)
    }

    fn spawn(self) -> Result<Process> {
        let log_path = self.folder.join(format!("{}.log", self.name));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawn(command)
            .with_context(|| format!("cannot run {} (setpriv, from util-linux)", self.program.display()))?;
        Ok(Process { child, log: log_path, launch: self })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(User { uid, gid }) = self.user {
            command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
        }
        if let Some(cpus) = &self.cpus {
            command.args(["taskset", "-c", cpus]);
        }
        if let Some(network) = &self.network {
            command.arg("nsenter").arg(format!("--net={}", network.display()));
        }
        command.arg(&self.program).args(&self.args).current_dir(&self.folder);
        command.env_clear().envs(PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        // Ctrl-C reaches the foreground group only: the parent decides in which order things stop.
        command.process_group(0);
        command
    }
}

/// A running child. Dropping it asks it to stop and, after 5 s, kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    launch: Launch,
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has written to stdout and stderr so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The exit status if it has ended.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.launch.name))
    }

    /// Sends a signal. Sending one to a process that has ended is no error.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Freezes it (SIGSTOP): it keeps its connections and answers nothing. On a busy machine its threads go on until one of
    /// them has seen the signal, so that is waited for.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        wait_until(Duration::from_secs(10), || self.is_stopped());
    }

    fn is_stopped(&self) -> bool {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.pid())) else { return false };
        // The state stands after the name, which is in parentheses.
        let state = |stat: &str| stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        threads.flatten().all(|thread| {
            fs::read_to_string(thread.path().join("stat")).is_ok_and(|stat| state(&stat) == Some('T'))
        })
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it at once (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop and waits; after `patience` it is killed. Returns whether it stopped by itself.
    pub fn stop_within(&mut self, patience: Duration) -> bool {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return true;
        }
        self.signal(self.launch.stop_signal);
        self.resume();
        let stopped = wait_until(patience, || matches!(self.child.try_wait(), Ok(Some(_))));
        if !stopped {
            self.kill();
        }
        stopped
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop_within(Duration::from_secs(5));
    }
}

/// Asks `condition` every 5 ms until it holds or `timeout` has passed; returns whether it held.
pub fn wait_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > timeout {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// The parent-death signal follows the parent *thread*, so one thread that lasts as long as the process starts
/// all children: a test's own thread ends before a fixture that several tests share.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, answer) = mpsc::channel();
    let orders = SPAWNER.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    orders.send((command, reply)).map_err(|_| io::Error::other("the spawning thread is gone"))?;
    answer.recv().map_err(|_| io::Error::other("the spawning thread is gone"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_shows_the_log() {
        let dir = crate::temp_dir("process").unwrap();
        let launch = Launch::new("moody", "/bin/sh", dir.path()).args(["-c", "echo no mood today; exit 3"]);
        let error = launch.start(|| false).unwrap_err().to_string();
        assert!(error.contains("moody ended while starting (exit status: 3)"), "{error}");
        assert!(error.contains("no mood today"), "{error}");
    }

    #[test]
    fn a_slow_start_is_given_up() {
        let dir = crate::temp_dir("process").unwrap();
        let launch =
            Launch::new("slow", "/bin/sleep", dir.path()).arg("60").timeout(Duration::from_millis(50));
        let error = launch.start(|| false).unwrap_err().to_string();
        assert!(error.contains("slow was not ready within 50ms"), "{error}");
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it_and_ends_on_drop() {
        let dir = crate::temp_dir("process").unwrap();
        let folder = dir.path().to_owned();
        let start = move || Launch::new("sleeper", "/bin/sleep", &folder).arg("60").start(|| true).unwrap();
        let mut process = std::thread::spawn(start).join().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(process.exit_status().unwrap(), None);
        let proc = PathBuf::from(format!("/proc/{}", process.pid()));
        drop(process);
        assert!(!proc.exists());
    }
}
