//! The slots of a cluster: in which one a key lies, and whose it is.

use redis::Value;

use crate::config::Address;

/// How many slots there are.
const SLOTS: u16 = 16_384;

/// The slot in which a key lies. Where it has something in braces, that alone decides.
pub(super) fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty());
    // CRC-16/XMODEM.
    let crc = tag.unwrap_or(key).bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

/// The masters, each with the first and the last of some slots that are its own; in the slots' order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Owners(Vec<(u16, u16, Address)>);

impl Owners {
    /// Reads the answer of `CLUSTER SLOTS`. A node that does not name itself is the one that was asked.
    pub(super) fn read(answer: &Value, asked: &Address) -> Option<Self> {
        let mut owners = Vec::new();
        for range in list(answer)? {
            let [first, last, master, ..] = list(range)? else { return None };
            let [host, port, ..] = list(master)? else { return None };
            let host = redis::from_redis_value_ref::<Option<String>>(host).ok()?;
            let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| asked.host.clone());
            owners.push((number(first)?, number(last)?, Address::new(host, number(port)?)));
        }
        owners.sort_unstable_by_key(|(first, ..)| *first);
        // A node that was just added or removed knows of none.
        if owners.is_empty() { None } else { Some(Self(owners)) }
    }

    /// Whose this slot is.
    pub(super) fn of(&self, slot: u16) -> Option<&Address> {
        let after = self.0.partition_point(|(first, ..)| *first <= slot);
        let (_, last, owner) = self.0.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(owner)
    }

    /// All masters; one may come several times.
    pub(super) fn all(&self) -> impl Iterator<Item = &Address> {
        self.0.iter().map(|(.., owner)| owner)
    }
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u16> {
    redis::from_redis_value_ref(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `CLUSTER KEYSLOT` answers.
    #[test]
    fn a_key_has_the_slot_that_redis_gives_it() {
        for (key, expected) in [
            ("", 0),
            ("123456789", 12_739),
            ("foo", 12_182),
            ("{foo}:epoch", 12_182),
            ("a{foo}{bar}", 12_182),
            ("{}foo", 9_500),
            ("a{}{foo}", 700),
            ("{foo", 13_308),
        ] {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    fn node(host: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString("id".into())])
    }

    fn range(first: i64, last: i64, nodes: &[Value]) -> Value {
        Value::Array([&[Value::Int(first), Value::Int(last)], nodes].concat())
    }

    #[test]
    fn finds_the_owner_of_a_slot() {
        let asked = Address::new("asked", 1);
        let answer = Value::Array(vec![
            range(100, 16_383, &[node("b", 2), node("replica", 3)]),
            range(0, 98, &[node("", 1)]),
        ]);
        let owners = Owners::read(&answer, &asked).unwrap();
        for (slot, owner) in [
            (0, Some(&asked)),
            (98, Some(&asked)),
            (99, None),
            (100, Some(&Address::new("b", 2))),
            (16_383, Some(&Address::new("b", 2))),
        ] {
            assert_eq!(owners.of(slot), owner, "{slot}");
        }
        assert_eq!(owners.all().count(), 2);
        for nonsense in [Value::Nil, Value::Array(vec![]), Value::Array(vec![range(0, 1, &[])])] {
            assert_eq!(Owners::read(&nonsense, &asked), None);
        }
    }
}
