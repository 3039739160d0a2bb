//! The host's calls in native tests: they go to the test double of the current thread.

use super::{BufferId, CAS_MISMATCH, Half, Level, MapId, MetricKind, SharedData};
use crate::HostError;
use crate::double::{LocalReply, SentCallout, with};
use crate::pairs;

/// Writes a line to the double's log.
pub fn log(level: Level, message: &str) {
    with(|host| host.log.push(format!("{level:?}: {message}")));
}

/// The double's time of day.
pub fn unix_ns() -> u64 {
    with(|host| host.unix_ns)
}

/// The double's other clock.
pub fn monotonic_ns() -> u64 {
    with(|host| host.monotonic_ns)
}

/// The double's next number.
pub fn random() -> u64 {
    with(|host| {
        host.random = host.random.wrapping_add(1);
        host.random
    })
}

/// Asks for ticks: the double's test ticks by itself.
pub fn set_tick_period(_period_ms: u32) -> Result<(), HostError> {
    with(|host| host.may("set_tick_period"))
}

/// Bytes of a buffer.
pub fn buffer(id: BufferId, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
    with(|host| {
        host.may("get_buffer")?;
        Ok(host
            .buffers
            .get(&id)
            .map(|b| b.iter().skip(start).take(max).copied().collect())
            .unwrap_or_default())
    })
}

/// Replaces a buffer whole; the double knows no other way, and no filter needs one.
pub fn set_buffer(id: BufferId, _start: usize, _size: usize, data: &[u8]) -> Result<(), HostError> {
    with(|host| {
        host.may("set_buffer")?;
        host.buffers.insert(id, data.to_vec());
        Ok(())
    })
}

/// All pairs of a map.
pub fn header_pairs(map: MapId) -> Result<Vec<u8>, HostError> {
    with(|host| {
        host.may("get_header_map_pairs")?;
        let fields = host.headers(map);
        Ok(pairs::encode(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()))))
    })
}

/// The first value of a header.
pub fn header(map: MapId, name: &str) -> Result<Option<Vec<u8>>, HostError> {
    with(|host| {
        host.may("get_header_map_value")?;
        Ok(host.headers(map).iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()))
    })
}

/// Sets a header.
pub fn replace_header(map: MapId, name: &str, value: &[u8]) -> Result<(), HostError> {
    with(|host| {
        host.may("replace_header_map_value")?;
        let fields = host.headers(map);
        fields.retain(|(other, _)| other != name);
        fields.push((name.to_owned(), value.to_vec()));
        Ok(())
    })
}

/// Adds a line to a header.
pub fn add_header(map: MapId, name: &str, value: &[u8]) -> Result<(), HostError> {
    with(|host| {
        host.may("add_header_map_value")?;
        host.headers(map).push((name.to_owned(), value.to_vec()));
        Ok(())
    })
}

/// Removes a header.
pub fn remove_header(map: MapId, name: &str) -> Result<(), HostError> {
    with(|host| {
        host.may("remove_header_map_value")?;
        host.headers(map).retain(|(other, _)| other != name);
        Ok(())
    })
}

/// A property.
pub fn property(path: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    with(|host| {
        host.may("get_property")?;
        Ok(host.properties.get(path).cloned())
    })
}

/// Answers the current stream.
pub fn local_reply(status: u16, details: &str, headers: &[u8], body: &[u8]) -> Result<(), HostError> {
    with(|host| {
        host.may("send_local_response")?;
        let headers = pairs::decode(headers).map(|(name, value)| (text(name), value.to_vec())).collect();
        host.local_replies.push(LocalReply {
            status,
            details: details.to_owned(),
            headers,
            body: body.to_vec(),
        });
        Ok(())
    })
}

/// Goes on with a paused half.
pub fn continue_stream(half: Half) -> Result<(), HostError> {
    with(|host| {
        host.may("continue_stream")?;
        match half {
            Half::Request => host.resumed_requests += 1,
            Half::Response => host.resumed_responses += 1,
        }
        Ok(())
    })
}

/// Sends a callout: the double keeps it for the test to answer.
pub fn http_call(cluster: &str, headers: &[u8], body: &[u8], timeout_ms: u32) -> Result<u32, HostError> {
    with(|host| {
        host.may("http_call")?;
        host.last_token += 1;
        host.callouts.push(SentCallout {
            token: host.last_token,
            cluster: cluster.to_owned(),
            headers: pairs::decode(headers).map(|(name, value)| (text(name), text(value))).collect(),
            body: body.to_vec(),
            timeout_ms,
        });
        Ok(host.last_token)
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// See the wasm side.
pub fn shared_data(key: &str) -> Result<Option<SharedData>, HostError> {
    with(|host| {
        host.may("get_shared_data")?;
        Ok(host.shared_data.get(key).cloned())
    })
}

/// See the wasm side.
pub fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<(), HostError> {
    with(|host| {
        host.may("set_shared_data")?;
        let there = host.shared_data.get(key).map_or(0, |data| data.version);
        if version != 0 && version != there {
            return Err(HostError { call: "set_shared_data", status: CAS_MISMATCH });
        }
        let data = SharedData { bytes: value.to_vec(), version: there + 1 };
        host.shared_data.insert(key.to_owned(), data);
        Ok(())
    })
}

/// Makes another context the one that calls are about.
pub fn set_effective_context(id: u32) -> Result<(), HostError> {
    with(|host| {
        host.may("set_effective_context")?;
        host.effective_context = id;
        Ok(())
    })
}

/// Defines a metric, or finds the one of that name.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostError> {
    with(|host| {
        host.may("define_metric")?;
        let known = host.metrics.iter().position(|(other, ..)| other == name);
        let index = known.unwrap_or_else(|| {
            host.metrics.push((name.to_owned(), kind, 0));
            host.metrics.len() - 1
        });
        Ok(index as u32)
    })
}

/// Adds to a metric. Like Envoy, refuses to add nothing to a counter.
pub fn increment_metric(id: u32, offset: i64) -> Result<(), HostError> {
    with(|host| {
        host.may("increment_metric")?;
        match host.metrics.get_mut(id as usize) {
            Some((_, MetricKind::Counter, _)) if offset <= 0 => {
                Err(HostError { call: "increment_metric", status: 2 })
            }
            Some((_, _, value)) => {
                *value += offset;
                Ok(())
            }
            None => Err(HostError { call: "increment_metric", status: 1 }),
        }
    })
}
