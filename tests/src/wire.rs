//! A connection that sends bytes as they are: for what no well-behaved client sends, and to see when what comes comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::PATIENCE;

/// A connection to 127.0.0.1. Dropping it closes it, whatever is under way.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// If nothing listens there.
    pub fn open(port: u16) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        Connection { stream, received: Vec::new() }
    }

    /// Sends a request with these header fields over a connection of its own, and returns the whole answer.
    ///
    /// # Panics
    /// If nothing listens there.
    pub fn ask(port: u16, line: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
        let mut head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").into_bytes();
        for (name, value) in fields {
            head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend_from_slice(b"\r\n");
        let mut connection = Connection::open(port);
        connection.send(&head);
        connection.read_to_end(PATIENCE)
    }

    /// Sends these bytes. A peer that has closed is no error: what came back tells.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Reads until these bytes have come `times` times in all.
    ///
    /// # Panics
    /// If the connection ends before, or nothing comes for too long.
    pub fn read_until(&mut self, bytes: &[u8], times: usize) {
        while self.count(bytes) < times {
            assert!(self.read(), "the connection ended or is stuck: {:?}", self.text());
        }
    }

    /// Reads until the connection ends or nothing has come for `quiet`, and returns all that has come.
    pub fn read_to_end(mut self, quiet: Duration) -> Vec<u8> {
        self.stream.set_read_timeout(Some(quiet)).expect("a socket option");
        while self.read() {}
        self.received
    }

    /// How often these bytes have come so far.
    pub fn count(&self, bytes: &[u8]) -> usize {
        self.received.windows(bytes.len()).filter(|window| *window == bytes).count()
    }

    /// What has come so far.
    pub fn bytes(&self) -> &[u8] {
        &self.received
    }

    /// Reads what comes next; false if the connection ends, or nothing comes for too long.
    pub fn read_more(&mut self) -> bool {
        self.read()
    }

    /// What has come so far, lossily decoded.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.received.extend_from_slice(&buffer[..length]);
                true
            }
        }
    }
}
