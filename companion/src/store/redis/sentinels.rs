//! The sentinels, who know which server is the master.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use super::super::Unavailable;
use super::dial::{CONNECT, Dialer};
use crate::config::{self, Address};

/// Who is asked for the master, and by which name.
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    master: String,
    dialer: Dialer,
    /// Connections to those who answered: they are asked again and again.
    connections: Mutex<HashMap<Address, MultiplexedConnection>>,
}

impl Sentinels {
    pub(super) fn new(config: &config::Redis) -> Result<Self, Unavailable> {
        Ok(Self {
            addresses: config.sentinels.clone(),
            master: config.sentinel_master.clone(),
            dialer: Dialer::to_sentinels(config)?,
            connections: Mutex::default(),
        })
    }

    /// The master, as the first to answer says. Whether it is one shows when the log there is asked for: a replica cannot
    /// begin the epoch that another server than the last one needs.
    pub(super) async fn master(&self) -> Result<Address, Unavailable> {
        let mut asked = JoinSet::new();
        for sentinel in &self.addresses {
            let kept = self.connections(|all| all.get(sentinel).cloned());
            let (dialer, sentinel, name) = (self.dialer.clone(), sentinel.clone(), self.master.clone());
            asked.spawn(async move { (ask(dialer, &sentinel, &name, kept).await, sentinel) });
        }
        let mut reason = String::new();
        while let Some(Ok((answer, sentinel))) = asked.join_next().await {
            match answer {
                Ok((master, connection)) => {
                    self.connections(|all| all.insert(sentinel, connection));
                    return Ok(master);
                }
                Err(error) => {
                    self.connections(|all| all.remove(&sentinel));
                    reason = error.reason;
                }
            }
        }
        Err(Unavailable { reason: format!("no sentinel names the master {}: {reason}", self.master) })
    }

    fn connections<T>(&self, with: impl FnOnce(&mut HashMap<Address, MultiplexedConnection>) -> T) -> T {
        with(&mut self.connections.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn ask(
    dialer: Dialer,
    sentinel: &Address,
    name: &str,
    kept: Option<MultiplexedConnection>,
) -> Result<(Address, MultiplexedConnection), Unavailable> {
    let mut connection = match kept {
        Some(connection) => connection,
        None => dialer.dial(sentinel).await?,
    };
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let answer: RedisResult<Option<(String, u16)>> =
        match tokio::time::timeout(CONNECT, command.query_async(&mut connection)).await {
            Ok(answer) => answer,
            Err(_) => return Err(Unavailable { reason: format!("{sentinel}: no answer") }),
        };
    match answer {
        Ok(Some((host, port))) => Ok((Address::new(host, port), connection)),
        Ok(None) => Err(Unavailable {
            reason: format!("{sentinel} does not know it (setting redis.sentinel_master)"),
        }),
        Err(error) => Err(Unavailable { reason: format!("{sentinel}: {error}") }),
    }
}
