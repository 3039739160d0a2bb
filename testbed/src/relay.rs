//! A proxy of TCP connections that can be told to misbehave.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anyhow::Result;

mod mangle;

use mangle::Mangler;

/// How bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As they come.
    Pass,
    /// What the server says comes this much later, or up to twice as much.
    Late(Duration),
    /// Not at all, and nobody is told: what was on its way arrives when this is over, as after a cut cable.
    Silent,
    /// There are no connections: those that there were are closed, and so is each new one.
    Closed,
    /// What the server says turns into noise from some place on, again and again.
    Garbage,
    /// Half of what the server says, and the connection closes.
    Halves,
    /// The sizes that the server's messages say (`content-length` in HTTP/1.1, frames of data in HTTP/2) are wrong.
    WrongSizes,
}

/// A proxy on a free port. Its connections end when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    way: Mutex<Way>,
    streams: Mutex<HashMap<u64, [TcpStream; 2]>>,
    made: AtomicU64,
    stopping: AtomicBool,
}

/// How often a silent connection looks whether it may go on.
const LOOK: Duration = Duration::from_millis(5);

impl Relay {
    /// Starts one on 127.0.0.1 in front of this port of it; that need not be open yet.
    pub fn start(target: u16) -> Result<Relay> {
        Relay::between(Ipv4Addr::LOCALHOST, (Ipv4Addr::LOCALHOST, target).into())
    }

    /// Starts one on an address of this host in front of another.
    pub fn between(own: Ipv4Addr, target: SocketAddr) -> Result<Relay> {
        let listener = TcpListener::bind((own, crate::ports::free()))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            way: Mutex::new(Way::Pass),
            streams: Mutex::default(),
            made: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &for_thread));
        Ok(Relay { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of that.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How bytes go from now on, of all connections.
    pub fn set(&self, way: Way) {
        *lock(&self.shared.way) = way;
        if way == Way::Closed {
            self.close_all();
        }
    }

    fn close_all(&self) {
        for stream in lock(&self.shared.streams).values().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.close_all();
    }
}

impl Shared {
    fn way(&self) -> Way {
        *lock(&self.way)
    }

    /// Waits while there is silence; false if this relay has ended.
    fn heard(&self) -> bool {
        while self.way() == Way::Silent && !self.stopping.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
        }
        !self.stopping.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming().flatten() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        // Whatever breaks, both ends see it by their connections closing.
        thread::spawn(move || connect(client, &shared));
    }
}

fn connect(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    if !shared.heard() || shared.way() == Way::Closed {
        return Ok(());
    }
    let server = TcpStream::connect(shared.target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let number = shared.made.fetch_add(1, Ordering::SeqCst);
    lock(&shared.streams).insert(number, [client.try_clone()?, server.try_clone()?]);
    let (to, from, shared_up) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
    thread::spawn(move || {
        let _ = pump(&from, &to, &shared_up, None);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
    let _ = pump(&server, &client, shared, Some(Mangler::new(number)));
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    lock(&shared.streams).remove(&number);
    Ok(())
}

/// Moves bytes one way; what the server says goes through a mangler.
fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    shared: &Shared,
    mut mangler: Option<Mangler>,
) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 || !shared.heard() {
            return Ok(());
        }
        let piece = &mut buffer[..length];
        let Some(mangler) = &mut mangler else {
            to.write_all(piece)?;
            continue;
        };
        mangler.see(piece);
        match shared.way() {
            Way::Late(by) => thread::sleep(by),
            Way::Garbage => mangler.garble(piece),
            Way::Halves => return to.write_all(&piece[..length / 2]),
            Way::WrongSizes => mangler.missize(piece),
            Way::Closed => return Ok(()),
            Way::Pass | Way::Silent => {}
        }
        if !shared.heard() {
            return Ok(());
        }
        to.write_all(piece)?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{Answer, Client, Origin, Request};

    #[test]
    fn it_does_as_it_is_told_and_is_itself_again() {
        let origin = Origin::start(|_| Answer::json("0123456789".repeat(100))).unwrap();
        let relay = Relay::start(origin.port()).unwrap();
        let url = format!("http://127.0.0.1:{}/", relay.port());
        let patient = Duration::from_secs(20);
        let ask = |timeout| Client::with_timeout(timeout).send(Request::get(&url));
        let right = |timeout| ask(timeout).is_ok_and(|answer| answer.text() == "0123456789".repeat(100));
        for way in [Way::Silent, Way::Closed, Way::Garbage, Way::Halves, Way::WrongSizes] {
            assert!(right(patient), "before {way:?}");
            relay.set(way);
            assert!(!(0..4).all(|_| right(Duration::from_millis(300))), "{way:?}");
            relay.set(Way::Pass);
        }
        relay.set(Way::Late(Duration::from_millis(100)));
        let start = Instant::now();
        assert!(right(patient) && start.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn what_was_said_in_silence_arrives_afterwards() {
        let origin = Origin::start(|_| Answer::json("late")).unwrap();
        let relay = Relay::start(origin.port()).unwrap();
        relay.set(Way::Silent);
        let url = format!("http://127.0.0.1:{}/", relay.port());
        let asking = thread::spawn(move || Client::new().get(url).text());
        thread::sleep(Duration::from_millis(50));
        assert_eq!(origin.total(), 0);
        relay.set(Way::Pass);
        assert_eq!(asking.join().unwrap(), "late");
    }
}
