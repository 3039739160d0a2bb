//! The sentinels, who know which server is the master.

use redis::RedisResult;
use tokio::task::JoinSet;

use super::super::Unavailable;
use super::dial::{CONNECT, Dialer};
use crate::config::{self, Address};

/// Who is asked for the master, and by which name.
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    master: String,
    dialer: Dialer,
}

impl Sentinels {
    pub(super) fn new(config: &config::Redis) -> Result<Self, Unavailable> {
        Ok(Self {
            addresses: config.sentinels.clone(),
            master: config.sentinel_master.clone(),
            dialer: Dialer::to_sentinels(config)?,
        })
    }

    /// The master, as the first to answer says. Whether it is one shows when the log there is asked for: a replica cannot
    /// begin the epoch that another server than the last one needs.
    pub(super) async fn master(&self) -> Result<Address, Unavailable> {
        let mut asked = JoinSet::new();
        for sentinel in &self.addresses {
            asked.spawn(ask(self.dialer.clone(), sentinel.clone(), self.master.clone()));
        }
        let mut reason = String::new();
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(master)) => return Ok(master),
                Ok(Err(error)) => reason = error.reason,
                Err(_) => {}
            }
        }
        Err(Unavailable { reason: format!("no sentinel names the master {}: {reason}", self.master) })
    }
}

async fn ask(dialer: Dialer, sentinel: Address, name: String) -> Result<Address, Unavailable> {
    let mut connection = dialer.dial(&sentinel).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(&name);
    let answer: RedisResult<Option<(String, u16)>> =
        match tokio::time::timeout(CONNECT, command.query_async(&mut connection)).await {
            Ok(answer) => answer,
            Err(_) => return Err(Unavailable { reason: format!("{sentinel}: no answer") }),
        };
    match answer {
        Ok(Some((host, port))) => Ok(Address::new(host, port)),
        Ok(None) => Err(Unavailable {
            reason: format!("{sentinel} does not know it (setting redis.sentinel_master)"),
        }),
        Err(error) => Err(Unavailable { reason: format!("{sentinel}: {error}") }),
    }
}
