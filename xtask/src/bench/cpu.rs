//! The CPU time of a process, to the nanosecond.

use std::fs;
use std::ops::Sub;

use anyhow::{Context, Result};

/// What the threads of a process have had together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Nanoseconds on a processor.
    pub running_ns: u64,
    /// Nanoseconds ready to run, waiting for a processor.
    pub waiting_ns: u64,
}

impl CpuTime {
    /// What it is now, from `/proc/PID/task/*/schedstat`. A proxy's threads last as long as the proxy, so that none
    /// takes its time with it.
    pub fn of(pid: u32) -> Result<CpuTime> {
        let folder = format!("/proc/{pid}/task");
        let mut sum = CpuTime::default();
        for thread in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
            let path = thread?.path().join("schedstat");
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let time = parse(&text).with_context(|| format!("{} holds {text:?}", path.display()))?;
            sum.running_ns += time.running_ns;
            sum.waiting_ns += time.waiting_ns;
        }
        Ok(sum)
    }
}

impl Sub for CpuTime {
    type Output = CpuTime;

    fn sub(self, earlier: CpuTime) -> CpuTime {
        CpuTime {
            running_ns: self.running_ns.saturating_sub(earlier.running_ns),
            waiting_ns: self.waiting_ns.saturating_sub(earlier.waiting_ns),
        }
    }
}

/// Time running, time waiting, number of time slices.
fn parse(schedstat: &str) -> Option<CpuTime> {
    let mut fields = schedstat.split_whitespace().map(str::parse);
    let running_ns = fields.next()?.ok()?;
    let waiting_ns = fields.next()?.ok()?;
    Some(CpuTime { running_ns, waiting_ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_past_32_bits_are_read_whole() {
        let time = CpuTime { running_ns: 14_578_520_001, waiting_ns: 4_294_967_297 };
        assert_eq!(parse("14578520001 4294967297 21\n"), Some(time));
        assert_eq!(parse("1\n"), None);
    }

    #[test]
    fn work_is_seen() {
        let before = CpuTime::of(std::process::id()).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < std::time::Duration::from_millis(30) {}
        let spent = CpuTime::of(std::process::id()).unwrap() - before;
        assert!(spent.running_ns + spent.waiting_ns > 10_000_000, "{spent:?}");
    }
}
