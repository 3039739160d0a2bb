//! The nodes of a cluster, over which entries are spread.
//!
//! Each master has a connection of its own, which is made anew behind the scenes: what a node has forgotten or brings back
//! does not matter, for each entry is judged by the log. A node that is away costs the entries in its slots and nothing
//! else: commands to it fail at once, and nobody waits while it is sought. (The client library's own cluster connection
//! holds up the commands to all nodes while it looks for one that hangs.)

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::super::Unavailable;
use super::connection::{Connection, Request};
use super::dial::Dialer;
use super::discovery::{ask, told};
use super::refusal::{is_demotion, is_refusal};
use super::slots::{Owners, slot};
use crate::config::{self, Address};

/// How often a command is sent on to where a node says.
const REDIRECTIONS: usize = 3;
/// How long to wait before nodes that are away are tried again.
const RETRY: Duration = Duration::from_millis(50);
/// How often to look whether slots have another owner, where no node has said so.
const REFRESH: Duration = Duration::from_secs(1);

/// The nodes of a cluster.
pub(super) struct Cluster {
    /// The slot of the log.
    log: u16,
    dialer: Dialer,
    seeds: Vec<Address>,
    timeout: Duration,
    made: AtomicU64,
    state: RwLock<State>,
    /// Wakes [`tend`](Self::tend) when a slot is not where it was, or a node is lost.
    changed: Notify,
}

#[derive(Default)]
struct State {
    owners: Owners,
    nodes: HashMap<Address, Node>,
}

/// A node with a connection, and which one it is.
#[derive(Clone)]
struct Node {
    address: Arc<Address>,
    server: MultiplexedConnection,
    number: u64,
}

impl State {
    fn owner(&self, slot: u16) -> Result<&Address, Unavailable> {
        let owner = self.owners.of(slot);
        owner.ok_or_else(|| Unavailable { reason: format!("no node owns the slot {slot}") })
    }

    fn node(&self, address: &Address) -> Result<&Node, Unavailable> {
        let node = self.nodes.get(address);
        node.ok_or_else(|| Unavailable { reason: format!("{address} is away") })
    }

    fn connection(&self, owner: Option<&Address>) -> Option<Connection> {
        Some(Connection::new(self.nodes.get(owner?)?.server.clone(), false))
    }
}

impl Cluster {
    /// Nothing known yet but where to ask. The log has this key.
    pub(super) fn new(config: &config::Redis, log: &str) -> Result<Self, Unavailable> {
        Ok(Self {
            log: slot(log),
            dialer: Dialer::to_servers(config)?,
            seeds: config.cluster_nodes.clone(),
            timeout: Duration::from_millis(config.timeout_ms),
            made: AtomicU64::new(0),
            state: RwLock::default(),
            changed: Notify::new(),
        })
    }

    /// The master that keeps the log, as the cluster says now.
    pub(super) async fn log_owner(&self) -> Result<Address, Unavailable> {
        self.find().await?;
        if self.read(|state| state.nodes.is_empty()) {
            self.connect_missing().await;
        }
        self.read(|state| state.owner(self.log).cloned())
    }

    /// Waits until it may be worth looking again, and looks: who owns which slots, and whether lost nodes are back.
    pub(super) async fn tend(&self) {
        let complete = self.read(|state| state.owners.all().all(|owner| state.nodes.contains_key(owner)));
        // Never more often than this, whatever happens.
        tokio::time::sleep(RETRY).await;
        tokio::select! {
            () = tokio::time::sleep(REFRESH), if complete => {}
            () = self.changed.notified(), if complete => {}
            else => {}
        }
        if let Err(error) = self.find().await {
            tracing::debug!(reason = %error.reason, "the cluster does not say who owns its slots");
        }
        self.connect_missing().await;
    }

    /// Runs a command where the slot of this key is, following it to where it goes meanwhile, within the time-out.
    pub(super) async fn run<T: FromRedisValue + Send>(
        &self,
        key: &str,
        request: &impl Request,
    ) -> Result<T, Unavailable> {
        let until = Instant::now() + self.timeout;
        let (mut node, mut asking) = (self.node_of(key)?, false);
        for _ in 0..=REDIRECTIONS {
            let mut connection = Connection::new(node.server.clone(), asking);
            let error = match timeout_at(until, request.ask(&mut connection)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => {
                    let reason = format!("no answer within {} ms", self.timeout.as_millis());
                    return Err(self.lose(&node, reason));
                }
            };
            if !is_refusal(&error) {
                return Err(self.lose(&node, error.to_string()));
            }
            if is_demotion(&error) {
                self.changed.notify_one();
            }
            asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
            node = self.node(&redirection(&error, &node)?)?;
        }
        Err(Unavailable { reason: format!("{} sends {key} in circles", node.address) })
    }

    /// A connection to the owner of the slot of this key, for what nobody waits for.
    pub(super) fn at(&self, key: &str) -> Option<Connection> {
        Some(Connection::new(self.node_of(key).ok()?.server, false))
    }

    /// A connection to each master, in the order of their first slots; none to those that are away.
    pub(super) fn everywhere(&self) -> Vec<Option<Connection>> {
        self.read(|state| {
            let mut seen = HashSet::new();
            let masters = state.owners.all().filter(|master| seen.insert(*master));
            masters.map(|master| state.connection(Some(master))).collect()
        })
    }

    /// Full keys by the master that has what `name` makes of them, with connections to those that are not away.
    pub(super) fn by_node(
        &self,
        full_keys: Vec<String>,
        name: impl Fn(&str) -> String,
    ) -> Vec<(Option<Connection>, Vec<String>)> {
        self.read(|state| {
            let mut parts: HashMap<Option<&Address>, Vec<String>> = HashMap::new();
            for full_key in full_keys {
                parts.entry(state.owners.of(slot(&name(&full_key)))).or_default().push(full_key);
            }
            parts.into_iter().map(|(owner, part)| (state.connection(owner), part)).collect()
        })
    }

    fn node(&self, address: &Address) -> Result<Node, Unavailable> {
        self.read(|state| state.node(address).cloned())
    }

    fn node_of(&self, key: &str) -> Result<Node, Unavailable> {
        self.read(|state| state.node(state.owner(slot(key))?).cloned())
    }

    fn nodes(&self) -> Vec<Node> {
        self.read(|state| state.nodes.values().cloned().collect())
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a connection that does not answer out of use.
    fn lose(&self, node: &Node, reason: String) -> Unavailable {
        let reason = format!("{}: {reason}", node.address);
        let lost = self.change(|state| {
            let is_it = state.nodes.get(&*node.address).is_some_and(|now| now.number == node.number);
            is_it && state.nodes.remove(&*node.address).is_some()
        });
        if lost {
            tracing::warn!(%reason, "a node of the cluster is away");
            self.changed.notify_one();
        }
        Unavailable { reason }
    }

    /// Asks the nodes, or else those of the configuration, who owns which slots.
    async fn find(&self) -> Result<(), Unavailable> {
        let mut asked = JoinSet::new();
        for node in self.nodes() {
            asked.spawn(ask(node.address.as_ref().clone(), node.server, self.timeout));
        }
        let mut found = told(&mut asked, self.log).await;
        if found.is_err() {
            for seed in &self.seeds {
                let (dialer, seed, timeout) = (self.dialer.clone(), seed.clone(), self.timeout);
                asked.spawn(async move {
                    let server = dialer.dial(&seed).await?;
                    ask(seed, server, timeout).await
                });
            }
            found = told(&mut asked, self.log).await;
        }
        let owners = found?;
        self.change(|state| {
            let masters: HashSet<&Address> = owners.all().collect();
            state.nodes.retain(|address, _| masters.contains(address));
            state.owners = owners;
        });
        Ok(())
    }

    /// Connects to the masters there is no connection to, all at once.
    async fn connect_missing(&self) {
        let missing: HashSet<Address> = self.read(|state| {
            let is_missing = |owner: &&Address| !state.nodes.contains_key(*owner);
            state.owners.all().filter(is_missing).cloned().collect()
        });
        let mut connecting = JoinSet::new();
        for address in missing {
            let dialer = self.dialer.clone();
            connecting.spawn(async move { (dialer.dial(&address).await, address) });
        }
        while let Some(Ok((dialled, address))) = connecting.join_next().await {
            match dialled {
                Ok(server) => {
                    tracing::info!(%address, "a node of the cluster is connected");
                    let number = self.made.fetch_add(1, Ordering::Relaxed);
                    let node = Node { address: Arc::new(address.clone()), server, number };
                    self.change(|state| state.nodes.insert(address, node));
                }
                Err(error) => tracing::debug!(reason = %error.reason, "a node of the cluster is still away"),
            }
        }
    }
}

/// Where a node says that a slot is; without a host it is the node's own.
fn redirection(error: &RedisError, node: &Node) -> Result<Address, Unavailable> {
    let there = error.redirect_node().and_then(|(there, _)| match there.strip_prefix(':') {
        Some(port) => Some(Address::new(node.address.host.clone(), port.parse().ok()?)),
        None => Address::parse(there),
    });
    there.ok_or_else(|| Unavailable { reason: format!("{}: {error}", node.address) })
}
