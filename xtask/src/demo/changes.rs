//! Rows that are written by psql: nothing that Slipstream could see going by.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::{Client, Request, wait_until};

use super::check::Check;
use super::stack::Stack;

const WRITES: u32 = 20;
/// How long a write may take to be seen; on a quiet machine it takes some milliseconds.
const BOUND: Duration = Duration::from_secs(2);
/// How long after a write nothing old may be left: past `max_staleness` and the second purge.
const SETTLED: Duration = Duration::from_millis(800);

/// Changes an item by psql again and again, each time reading it through Envoy, where it was a hit before, until the change is seen.
pub fn rows_are_seen(stack: &Stack) -> Result<Check> {
    let what = "a row written by psql is dropped from all caches";
    let target = stack.front.url("/api/items/1");
    let client = Client::new();
    let title = || -> Result<(String, bool)> {
        let answer = client.send(Request::get(&target))?;
        let is_hit = answer.header("x-cache").as_deref() == Some("HIT");
        Ok((answer.json()["title"].as_str().unwrap_or_default().to_owned(), is_hit))
    };
    let mut slowest = Duration::ZERO;
    let mut last = String::new();
    for number in 0..WRITES {
        let is_hit = wait_until(BOUND, || title().is_ok_and(|(_, is_hit)| is_hit));
        ensure!(is_hit, "/api/items/1 is never a hit");
        last = format!("written by psql, {number}");
        let sql = format!("UPDATE workspace.workspace_items SET title = '{last}' WHERE id = 1");
        stack.postgres.sql(&sql)?;
        let committed = Instant::now();
        if !wait_until(BOUND, || title().is_ok_and(|(title, _)| title == last)) {
            let detail = format!("write {number} was not seen within {BOUND:?}");
            return Ok(Check::new(what, false, detail));
        }
        slowest = slowest.max(committed.elapsed());
    }
    // What was stored just after a change, by a service that had not heard of it, would show now.
    wait_until(SETTLED, || false);
    let (title, _) = title()?;
    let detail = format!("{WRITES} writes, each seen within {} ms", slowest.as_millis());
    Ok(Check::new(what, title == last, detail))
}
