//! An OpenAI-compatible chat server in the test's own process, which also stalls, breaks off and talks nonsense on command.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::origin::read_question;

/// How often it is looked whether a client has left.
const LOOK: Duration = Duration::from_millis(10);

/// What the server does next for an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Sends a part of the answer's text.
    Say(String),
    /// Sends these bytes as they are.
    Raw(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Waits until the client has left.
    Stall,
    /// Says the same until the client has left.
    Forever(String),
    /// Closes the connection in the middle of it all.
    BreakOff,
    /// Says that the answer is complete, and why.
    Finish(&'static str),
    /// Answers with this status and text instead of a stream; must come first.
    Refuse(u16, String),
}

/// Says these parts, and that they were all.
pub fn says(parts: &[&str]) -> Vec<Step> {
    let parts = parts.iter().map(|part| Step::Say((*part).to_owned()));
    parts.chain([Step::Finish("stop")]).collect()
}

type Script = dyn Fn(&str, &Value) -> Vec<Step> + Send + Sync;

struct Shared {
    script: Box<Script>,
    requests: Mutex<Vec<Value>>,
    left: AtomicUsize,
    said: AtomicUsize,
    stopping: AtomicBool,
}

/// The server; stops on drop.
pub struct ChatServer {
    port: u16,
    shared: Arc<Shared>,
}

impl ChatServer {
    /// Starts one on a free port of loopback. The script says what is done for the last user's message and the whole request.
    pub fn start(script: impl Fn(&str, &Value) -> Vec<Step> + Send + Sync + 'static) -> Result<ChatServer> {
        let (port, listener) = crate::ports::listen();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            requests: Mutex::default(),
            left: AtomicUsize::new(0),
            said: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &own));
        Ok(ChatServer { port, shared })
    }

    /// What goes before `/chat/completions`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The bodies of all requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many clients have left before their answer's end.
    pub fn left(&self) -> usize {
        self.shared.left.load(Ordering::SeqCst)
    }

    /// How many bytes of text were sent.
    pub fn said(&self) -> usize {
        self.shared.said.load(Ordering::SeqCst)
    }
}

impl Drop for ChatServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            if converse(&stream, &shared).is_err() {
                shared.left.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}

/// An error means that the client has left.
fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = io::BufReader::new(stream.try_clone()?);
    // One that closes a connection that it does not need any more has not left an answer.
    while let Ok(Some(question)) = read_question(&mut reader) {
        let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(body.clone());
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let asked = messages.last().and_then(|last| last["content"].as_str()).unwrap_or_default();
        let steps = (shared.script)(asked, &body);
        if let Some(Step::Refuse(status, text)) = steps.first() {
            let length = text.len();
            write!(&*stream, "HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n\r\n{text}")?;
            continue;
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        (&*stream).write_all(head.as_bytes())?;
        for step in steps {
            if !perform(stream, shared, step)? {
                return Ok(());
            }
        }
        (&*stream).write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

/// Does a step; false if that was the connection's end.
fn perform(stream: &TcpStream, shared: &Shared, step: Step) -> io::Result<bool> {
    match step {
        Step::Say(text) => say(stream, shared, &text)?,
        Step::Raw(bytes) => chunk(stream, &bytes)?,
        Step::Pause(time) => std::thread::sleep(time),
        Step::Stall => wait_until_left(stream, shared)?,
        Step::Forever(text) => {
            while !shared.stopping.load(Ordering::SeqCst) {
                say(stream, shared, &text)?;
            }
        }
        Step::BreakOff => {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return Ok(false);
        }
        Step::Finish(reason) => {
            let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] });
            chunk(stream, format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes())?;
        }
        Step::Refuse(..) => {}
    }
    Ok(true)
}

fn say(stream: &TcpStream, shared: &Shared, text: &str) -> io::Result<()> {
    let delta = json!({
        "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }],
    });
    chunk(stream, format!("data: {delta}\n\n").as_bytes())?;
    shared.said.fetch_add(text.len(), Ordering::SeqCst);
    Ok(())
}

fn chunk(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

fn wait_until_left(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(LOOK))?;
    while !shared.stopping.load(Ordering::SeqCst) {
        match stream.peek(&mut [0]) {
            Ok(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(_) => std::thread::sleep(LOOK),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
