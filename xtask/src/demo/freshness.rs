//! Reads after writes, while others keep filling the caches.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{Client, Request};

use super::check::Check;
use super::mix;
use super::stack::Stack;

const WRITES: u32 = 40;
const READERS: usize = 4;
const FILLERS: usize = 3;
/// What a new item changes: it is the newest, has the category `backend` and the tag `api`, and is counted.
const CHANGED: [&str; 3] = ["/api/items", "/api/items?category=backend", "/api/items?tag=api"];

/// Writes again and again through Envoy, and reads what the write changed at once, over connections of several workers,
/// while other clients ask for the same addresses without a pause: their misses, begun before a write and
/// stored after it, are what would bring a stale answer.
pub fn no_read_is_stale(stack: &Stack) -> Result<Check> {
    let stop = AtomicBool::new(false);
    let background = AtomicU64::new(0);
    let outcome = thread::scope(|scope| {
        for filler in 0..FILLERS {
            let (stop, background) = (&stop, &background);
            scope.spawn(move || fill(stack, filler, stop, background));
        }
        let outcome = probe(stack);
        stop.store(true, Ordering::Relaxed);
        outcome
    });
    let what = "no read after a write was stale";
    Ok(match outcome {
        Ok(reads) => {
            let background = background.load(Ordering::Relaxed);
            let detail =
                format!("{WRITES} writes, {reads} reads after them, {background} other reads meanwhile");
            Check::new(what, true, detail)
        }
        Err(error) => Check::new(what, false, format!("{error:#}")),
    })
}

fn fill(stack: &Stack, filler: usize, stop: &AtomicBool, count: &AtomicU64) {
    let client = Client::new();
    let targets = CHANGED.iter().cycle().skip(filler);
    for target in targets.take_while(|_| !stop.load(Ordering::Relaxed)) {
        // A failure here shows in the probes, which are the ones that count.
        let _ = client.send(Request::get(stack.front.url(target)).header("accept-encoding", "gzip"));
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn probe(stack: &Stack) -> Result<u32> {
    let writer = Client::new();
    let readers: Vec<Client> = (0..READERS).map(|_| Client::new()).collect();
    let mut reads = 0;
    for number in 0..WRITES {
        let item = mix::new_item(&format!("probe {number}"));
        let made = writer.send(Request::post_json(stack.front.url("/api/items"), &item))?;
        ensure!(made.status == 201, "POST /api/items: status {}", made.status);
        let id = made.json()["id"].clone();
        for (reader, target) in readers.iter().flat_map(|reader| CHANGED.map(|target| (reader, target))) {
            let list =
                reader.send(Request::get(stack.front.url(target)).header("accept-encoding", "gzip"))?;
            let cache = list.header("x-cache").unwrap_or_default();
            let list: Value = serde_json::from_slice(&list.decoded()?).context(target)?;
            ensure!(
                list["items"][0]["id"] == id,
                "write {number}: {target} ({cache}) lacks the new item {id}"
            );
            reads += 1;
        }
        let stats = readers[number as usize % READERS].get(stack.front.url("/api/stats")).json();
        let total = readers[0].get(stack.front.url("/api/items")).json()["total"].clone();
        ensure!(
            stats["total"] == total,
            "write {number}: /api/stats counts {}, /api/items {total}",
            stats["total"]
        );
        reads += 2;
    }
    Ok(reads)
}
