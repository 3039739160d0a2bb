//! Who owns which slots of a cluster, as its nodes tell.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use super::super::Unavailable;
use super::slots::Owners;
use crate::config::Address;

/// Who owns which slots, as one node says, and which.
pub(super) type Told = Result<(Address, Owners), Unavailable>;

/// Asks a node.
pub(super) async fn ask(address: Address, mut server: MultiplexedConnection, timeout: Duration) -> Told {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let reason = match tokio::time::timeout(timeout, command.query_async(&mut server)).await {
        Ok(Ok(answer)) => match Owners::read(&answer, &address) {
            Some(owners) => return Ok((address, owners)),
            None => "it knows of no owner of a slot".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} ms", timeout.as_millis()),
    };
    Err(Unavailable { reason: format!("{address}: {reason}") })
}

/// The first good answer: where it is an old one, a node says so when it is sent a command. But for the log no node is
/// taken at its own word if there is another's: one that hung while its replica took over does not know it yet.
pub(super) async fn told(asked: &mut JoinSet<Told>, log: u16) -> Result<Owners, Unavailable> {
    let mut of_itself = None;
    let mut reason = "no node is connected".to_owned();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok((node, owners))) if owners.of(log) == Some(&node) => of_itself = Some(owners),
            Ok(Ok((_, owners))) => return Ok(owners),
            Ok(Err(error)) => reason = error.reason,
            Err(_) => {}
        }
    }
    of_itself.ok_or(Unavailable { reason })
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn told_by(node: &Address, owner: &Address) -> Told {
        let master = Value::Array(vec![Value::BulkString(owner.host.clone().into()), Value::Int(1)]);
        let all = Value::Array(vec![Value::Int(0), Value::Int(16_383), master]);
        Ok((node.clone(), Owners::read(&Value::Array(vec![all]), node).unwrap()))
    }

    #[tokio::test]
    async fn the_owner_of_the_log_is_asked_last_about_itself() {
        let [old, new, third] = ["old", "new", "third"].map(|host| Address::new(host, 1));
        let (of_itself, of_another) = (told_by(&old, &old), told_by(&third, &new));
        let mut asked = JoinSet::new();
        asked.spawn(std::future::ready(of_itself.clone()));
        asked.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            of_another
        });
        assert_eq!(told(&mut asked, 7).await.unwrap().of(7), Some(&new));
        let mut asked = JoinSet::new();
        asked.spawn(std::future::ready(of_itself));
        assert_eq!(told(&mut asked, 7).await.unwrap().of(7), Some(&old));
        assert!(told(&mut asked, 7).await.is_err());
    }
}
