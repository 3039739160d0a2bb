//! Free loopback ports, never handed out twice, neither by one process nor by several at once.

use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::Mutex;

use anyhow::{Result, bail};

use crate::Lock;

const BLOCK: u16 = 50;

struct Block {
    _lock: Lock,
    left: Range<u16>,
}

static HELD: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// A port nothing listens on. It stays reserved for this process until the process ends.
///
/// Ports come from blocks below the range that the kernel uses for outgoing connections, so that none of those can
/// take a port between this call and the server's start. Each block belongs to one process, by a lock file.
///
/// # Panics
/// If no block is left or lock files cannot be made: nothing can be tested then.
pub fn free() -> u16 {
    listen().0
}

/// A port as [`free`] gives it, and a listener on it.
///
/// A server of this process must not close it and listen again: a child that is being forked just then still has the
/// first listener open.
///
/// # Panics
/// As [`free`].
pub fn listen() -> (u16, TcpListener) {
    let mut held = HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let bind = |port| TcpListener::bind(("127.0.0.1", port)).ok().map(|listener| (port, listener));
    loop {
        if let Some(block) = held.last_mut()
            && let Some(found) = block.left.find_map(bind)
        {
            return found;
        }
        match next_block() {
            Ok(block) => held.push(block),
            Err(error) => panic!("no free port: {error:#}"),
        }
    }
}

fn next_block() -> Result<Block> {
    let range = outside_ephemeral();
    let blocks = (range.end - range.start) / BLOCK;
    let folder =
        std::env::temp_dir().join(format!("slipstream-ports-{}", rustix::process::getuid().as_raw()));
    // Processes begin at different places, so that those of different users or containers hardly meet.
    let first = (std::process::id() % u32::from(blocks)) as u16;
    for offset in 0..blocks {
        let block = (first + offset) % blocks;
        if let Some(lock) = Lock::attempt(&folder.join(block.to_string()))? {
            let start = range.start + block * BLOCK;
            return Ok(Block { _lock: lock, left: start..start + BLOCK });
        }
    }
    bail!("all {blocks} blocks of {BLOCK} ports in {range:?} are taken")
}

fn outside_ephemeral() -> Range<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = text.split_whitespace().filter_map(|end| end.parse::<u16>().ok());
    let (low, high) = (ends.next().unwrap_or(32_768), ends.next().unwrap_or(60_999));
    if low > 24_000 {
        20_000..low
    } else if high < 61_000 {
        high + 1..u16::MAX
    } else {
        20_000..60_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ports_are_distinct_across_threads_and_blocks() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..40).map(|_| free()).collect())).collect();
        let ports: Vec<Vec<u16>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let distinct: HashSet<u16> = ports.iter().flatten().copied().collect();
        assert_eq!(distinct.len(), 160);
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let first = free();
        let _taken = TcpListener::bind(("127.0.0.1", first + 1));
        assert!(TcpListener::bind(("127.0.0.1", free())).is_ok());
    }
}
