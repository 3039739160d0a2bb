//! Targets for fuzzing: everything that reads what a stranger has written.
//!
//! A target takes any bytes at all and panics if what it holds true is not. `cargo test -p fuzz` runs each on its corpus and
//! on some thousand seeded mutations of it; `cargo xtask fuzz` has libFuzzer look for more, led by the code that it reaches.

mod cache_filter;
mod codings;
mod companion_api;
mod compression_filter;
mod configurations;
mod events;
mod http;
mod input;
mod keys;
mod labels;
pub mod mutate;
mod protocol;
mod semantic;
mod sql;

/// Something to fuzz.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its folder in `corpus/`.
    pub name: &'static str,
    /// What must be true whatever the bytes are.
    pub about: &'static str,
    /// Panics if it is not.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 18] = [
    Target { name: "http_fields", about: "no field's value makes its parser panic", run: http::fields },
    Target {
        name: "accept_encoding",
        about: "what is chosen was not ruled out by the client",
        run: http::accept_encoding,
    },
    Target {
        name: "cache_key",
        about: "a key is visible ASCII, and its parts cannot be forged",
        run: keys::of_request,
    },
    Target { name: "uri_reference", about: "a resolved reference stays on the host", run: keys::reference },
    Target { name: "envelope", about: "an entry is what was stored, or an error", run: protocol::envelope },
    Target {
        name: "companion_messages",
        about: "what the companion says is read or refused",
        run: protocol::messages,
    },
    Target {
        name: "companion_api",
        about: "what is asked of the companion is answered or refused, and does not change what others stored",
        run: companion_api::requests,
    },
    Target {
        name: "pgoutput",
        about: "a message of the log names its tables, or is refused",
        run: sql::changes,
    },
    Target { name: "decode", about: "decoding is bounded, whatever the body", run: codings::decode },
    Target { name: "encode", about: "what is encoded is decoded to the same bytes", run: codings::encode },
    Target { name: "metric_labels", about: "no value of a label ends it", run: labels::encode },
    Target {
        name: "filter_configuration",
        about: "a configuration is taken or refused with a path",
        run: configurations::filters,
    },
    Target {
        name: "compression_filter",
        about: "a response is what the service sent, encoded or not",
        run: compression_filter::exchange,
    },
    Target {
        name: "cache_filter",
        about: "nobody gets what was meant for another, what was purged, or what is too old",
        run: cache_filter::history,
    },
    Target { name: "event_stream", about: "a text is one event, however it is cut", run: events::stream },
    Target {
        name: "semantic_exchange",
        about: "what is held of an answer is bounded, and what is kept can be replayed",
        run: events::exchange,
    },
    Target { name: "sql_shape", about: "a statement is understood or refused", run: sql::shape },
    Target {
        name: "semantic_question",
        about: "a question's text is read, whatever it is",
        run: semantic::question,
    },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
