//! The host's calls in wasm. The SDK's own wrappers panic on a status they do not expect, so this crate declares
//! the imports itself.
#![allow(unsafe_code)]

use super::{BufferId, Half, Level, MapId, MetricKind, SharedData};
use crate::HostError;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ptr::null_mut;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(kind: u32, start: usize, size: usize, data: *const u8, data_size: usize)
    -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_continue_stream(half: u32) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        cas: u32,
    ) -> u32;
    fn proxy_set_effective_context(id: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

fn check(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError { call, status }) }
}

/// Takes over memory that the host allocated in this VM through `proxy_on_memory_allocate`.
fn owned(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host got `data` from the SDK's `proxy_on_memory_allocate(size)`, which leaks a boxed slice of
    // exactly `size` bytes from this VM's global allocator, has filled it, and hands it over once.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

fn fetch(
    call: &'static str,
    read: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Option<Vec<u8>>, HostError> {
    let (mut data, mut size) = (null_mut(), 0);
    match read(&mut data, &mut size) {
        OK => Ok(Some(owned(data, size))),
        NOT_FOUND => Ok(None),
        status => Err(HostError { call, status }),
    }
}

/// Writes a line to Envoy's log. There is nobody to tell if that fails.
pub fn log(level: Level, message: &str) {
    // SAFETY: the host reads `message` during the call only.
    let _ = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Nanoseconds since the Unix epoch; 0 if the host has no clock.
pub fn unix_ns() -> u64 {
    let mut time = 0;
    // SAFETY: the host writes one u64 during the call.
    let _ = unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    time
}

/// Nanoseconds since some moment that is the host's choice; 0 if it has no such clock.
pub fn monotonic_ns() -> u64 {
    const MONOTONIC: u32 = 1;
    let mut time = 0;
    // SAFETY: the host writes one u64 during the call.
    let _ = unsafe { clock_time_get(MONOTONIC, 1, &mut time) };
    time
}

/// A random number: the standard library's hasher is keyed by the host's randomness, and the time tells apart what one VM draws.
pub fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(monotonic_ns());
    hasher.finish()
}

/// Asks for `on_tick` every `period_ms` milliseconds.
pub fn set_tick_period(period_ms: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check("set_tick_period", unsafe { proxy_set_tick_period_milliseconds(period_ms) })
}

/// Bytes `start..start + max` of a buffer, as far as there are any.
pub fn buffer(id: BufferId, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
    let read = |data, size| {
        // SAFETY: the host writes the two results during the call.
        unsafe { proxy_get_buffer_bytes(id as u32, start, max, data, size) }
    };
    Ok(fetch("get_buffer", read)?.unwrap_or_default())
}

/// Replaces bytes `start..start + size` of a buffer.
pub fn set_buffer(id: BufferId, start: usize, size: usize, data: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host copies `data` during the call.
    check("set_buffer", unsafe { proxy_set_buffer_bytes(id as u32, start, size, data.as_ptr(), data.len()) })
}

/// All pairs of a map, in the wire form of [`crate::pairs`].
pub fn header_pairs(map: MapId) -> Result<Vec<u8>, HostError> {
    let read = |data, size| {
        // SAFETY: the host writes the two results during the call.
        unsafe { proxy_get_header_map_pairs(map as u32, data, size) }
    };
    Ok(fetch("get_header_map_pairs", read)?.unwrap_or_default())
}

/// The first value of a header.
pub fn header(map: MapId, name: &str) -> Result<Option<Vec<u8>>, HostError> {
    fetch("get_header_map_value", |data, size| {
        // SAFETY: the host reads `name` and writes the two results during the call.
        unsafe { proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size) }
    })
}

/// Sets a header to one value, whatever it had before.
pub fn replace_header(map: MapId, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host copies name and value during the call.
    check("replace_header_map_value", unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Adds a value to a header.
pub fn add_header(map: MapId, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host copies name and value during the call.
    check("add_header_map_value", unsafe {
        proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes all values of a header.
pub fn remove_header(map: MapId, name: &str) -> Result<(), HostError> {
    // SAFETY: the host reads `name` during the call.
    check("remove_header_map_value", unsafe {
        proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len())
    })
}

/// A property by its path, whose parts are separated by NUL.
pub fn property(path: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    fetch("get_property", |data, size| {
        // SAFETY: the host reads `path` and writes the two results during the call.
        unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
    })
}

/// Answers the current stream. `headers` is in the wire form of [`crate::pairs`].
pub fn local_reply(status: u16, details: &str, headers: &[u8], body: &[u8]) -> Result<(), HostError> {
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: the host copies all four during the call.
    check("send_local_response", unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Goes on with a paused half of the current stream.
pub fn continue_stream(half: Half) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check("continue_stream", unsafe { proxy_continue_stream(half as u32) })
}

/// Sends a request to a cluster. `headers` is in the wire form of [`crate::pairs`].
pub fn http_call(cluster: &str, headers: &[u8], body: &[u8], timeout_ms: u32) -> Result<u32, HostError> {
    /// An empty list of pairs.
    const NO_TRAILERS: [u8; 4] = [0; 4];
    let mut token = 0;
    // SAFETY: the host reads all four during the call, and writes one u32.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            NO_TRAILERS.as_ptr(),
            NO_TRAILERS.len(),
            timeout_ms,
            &mut token,
        )
    };
    check("http_call", status).map(|()| token)
}

/// What the VMs of this filter share under a key.
pub fn shared_data(key: &str) -> Result<Option<SharedData>, HostError> {
    let mut version = 0;
    let bytes = fetch("get_shared_data", |data, size| {
        // SAFETY: the host reads `key` and writes the three results during the call.
        unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version) }
    })?;
    Ok(bytes.map(|bytes| SharedData { bytes, version }))
}

/// Puts something where the other VMs of this filter find it, if this version is still there; 0 for whatever is there.
/// An error of status [`CAS_MISMATCH`](super::CAS_MISMATCH) says that it is not.
pub fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<(), HostError> {
    // SAFETY: the host copies key and value during the call.
    check("set_shared_data", unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// Makes another context the one that calls are about, until this callback is over.
pub fn set_effective_context(id: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check("set_effective_context", unsafe { proxy_set_effective_context(id) })
}

/// Defines a metric, or finds the one of that name.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: the host reads `name` and writes one u32 during the call.
    let status = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id) };
    check("define_metric", status).map(|()| id)
}

/// Adds to a counter or gauge.
pub fn increment_metric(id: u32, offset: i64) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check("increment_metric", unsafe { proxy_increment_metric(id, offset) })
}
