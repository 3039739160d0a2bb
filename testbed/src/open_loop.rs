//! Work that arrives at a constant rate, whether or not what arrived before is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// One piece of work.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Which one, from 0.
    pub number: u64,
    /// When it came. How long something takes counts from here: what waits for a free client takes longer.
    pub due: Instant,
}

/// Clients that take what arrives. They stop when this is dropped.
///
/// There are only so many: what arrives while all are at work is taken later, and late.
#[derive(Debug)]
pub struct OpenLoop {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl OpenLoop {
    /// Starts it with `rate` arrivals a second. `client` makes each client.
    pub fn start<Client: FnMut(Arrival) + Send + 'static>(
        rate: u32,
        clients: usize,
        client: impl Fn() -> Client,
    ) -> OpenLoop {
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let start = Instant::now();
        let clients = (0..clients).map(|_| {
            let (stop, next, mut client) = (Arc::clone(&stop), Arc::clone(&next), client());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = start + Duration::from_secs(number) / rate;
                    if !wait(due, &stop) {
                        return;
                    }
                    client(Arrival { number, due });
                }
            })
        });
        let clients = clients.collect();
        OpenLoop { stop, clients }
    }
}

/// Waits until then; false if it is to stop before.
fn wait(due: Instant, stop: &AtomicBool) -> bool {
    const LOOK: Duration = Duration::from_millis(50);
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LOOK));
    }
}

impl Drop for OpenLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            // One that panicked has said so.
            let _ = client.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::wait_until;

    #[test]
    fn what_arrives_is_taken_once_at_its_rate_though_one_client_hangs() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let work = OpenLoop::start(200, 3, || {
            let taken = Arc::clone(&taken);
            move |arrival: Arrival| {
                taken.lock().unwrap().push(arrival);
                if arrival.number == 5 {
                    thread::sleep(Duration::from_millis(200));
                }
            }
        });
        assert!(wait_until(Duration::from_secs(20), || taken.lock().unwrap().len() >= 40));
        drop(work);
        let mut taken = taken.lock().unwrap().clone();
        taken.sort_by_key(|arrival| arrival.number);
        for (number, arrival) in (0_u32..).zip(&taken) {
            assert_eq!(arrival.number, u64::from(number));
            assert_eq!(arrival.due - taken[0].due, Duration::from_secs(1) * number / 200);
        }
    }
}
