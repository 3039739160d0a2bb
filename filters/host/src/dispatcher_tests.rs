use super::*;
use crate::double::{self, Host, with};
use crate::{Callout, CalloutError, ConfigError, HostError, abi::BufferId};

/// Tells all that happens to it, and can be made to be called from within.
#[derive(Debug)]
struct Telling {
    name: String,
}

struct TellingStream {
    plugin: Rc<Telling>,
    id: u32,
}

thread_local! {
    static TOLD: RefCell<Vec<String>> = RefCell::default();
    static DISPATCHER: Dispatcher<Telling> = const { Dispatcher::new() };
}

fn tell(what: String) {
    TOLD.with_borrow_mut(|told| told.push(what));
}

fn told() -> Vec<String> {
    TOLD.take()
}

fn send() -> Result<Token, HostError> {
    Callout {
        cluster: "c",
        authority: None,
        method: "GET",
        path: "/",
        headers: &[],
        body: &[],
        timeout_ms: 1,
    }
    .send()
}

impl Plugin for Telling {
    type Stream = TellingStream;

    fn configure(configuration: &[u8]) -> Result<Telling, ConfigError> {
        match std::str::from_utf8(configuration) {
            Ok("bad") => Err(ConfigError::new("field", "is bad")),
            name => Ok(Telling { name: name.unwrap_or_default().to_owned() }),
        }
    }

    fn new_stream(plugin: &Rc<Telling>, id: ContextId) -> TellingStream {
        TellingStream { plugin: plugin.clone(), id: id.0 }
    }

    fn on_tick(&self) {
        tell(format!("{} ticks", self.name));
        let _ = send();
    }

    fn on_callout(&self, token: Token, _: Result<CalloutResponse, CalloutError>) {
        tell(format!("{} hears of {}", self.name, token.0));
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        tell(format!("{} ends", self.name));
    }
}

impl Stream for TellingStream {
    fn on_request_headers(&mut self, _: bool) -> Action {
        tell(format!("{} {} begins", self.plugin.name, self.id));
        let _ = send();
        Action::Pause
    }

    fn on_response_body(&mut self, size: usize, _: bool) -> Action {
        // As the host does when a body outgrows its buffer.
        let (again, log) = DISPATCHER.with(|dispatcher| {
            dispatcher.on_log(self.id);
            (dispatcher.on_response_headers(self.id, true), dispatcher.on_response_trailers(self.id + 1_000))
        });
        tell(format!("{size} {again:?} {log:?}"));
        DISPATCHER.with(|dispatcher| dispatcher.on_delete(self.id));
        Action::Pause
    }

    fn on_callout(&mut self, token: Token, _: Result<CalloutResponse, CalloutError>) {
        tell(format!("{} {} hears of {}", self.plugin.name, self.id, token.0));
    }

    fn on_log(&mut self) {
        tell(format!("{} is over", self.id));
    }
}

fn configure(dispatcher: &Dispatcher<Telling>, id: u32, name: &str) -> bool {
    with(|host| host.buffers.insert(BufferId::PluginConfiguration, name.as_bytes().to_vec()));
    dispatcher.on_configure(id, name.len())
}

/// Answers the callout that was sent first.
fn answer(dispatcher: &Dispatcher<Telling>) {
    let token = with(|host| host.callouts.remove(0)).token;
    dispatcher.on_callout(token, 1, 0);
}

fn start() -> Dispatcher<Telling> {
    with(|host| *host = Host::default());
    told();
    Dispatcher::new()
}

#[test]
fn streams_belong_to_the_plugin_they_were_made_for() {
    let dispatcher = start();
    dispatcher.on_context_create(1, 0);
    assert!(configure(&dispatcher, 1, "one") && configure(&dispatcher, 2, "two"));
    dispatcher.on_context_create(3, 1);
    dispatcher.on_context_create(4, 2);
    for id in [3, 4] {
        assert_eq!(dispatcher.on_request_headers(id, true), Action::Pause);
    }
    dispatcher.on_tick(2);
    for _ in 0..3 {
        answer(&dispatcher);
    }
    let expected = [
        "one 3 begins",
        "two 4 begins",
        "two ticks",
        "one 3 hears of 1",
        "two 4 hears of 2",
        "two hears of 3",
    ];
    assert_eq!(told(), expected);
    assert_eq!(double::effective_context(), 4, "what a stream does on an answer it does to itself");
}

#[test]
fn a_plugin_ends_with_its_last_stream() {
    let dispatcher = start();
    configure(&dispatcher, 1, "old");
    dispatcher.on_context_create(3, 1);
    configure(&dispatcher, 2, "new");
    dispatcher.on_delete(1);
    dispatcher.on_tick(1);
    assert_eq!(told(), Vec::<String>::new(), "its stream still needs it");
    dispatcher.on_log(3);
    dispatcher.on_delete(3);
    assert_eq!(told(), ["3 is over", "old ends"]);
    assert!(configure(&dispatcher, 2, "newer"));
    assert_eq!(told(), ["new ends"]);
}

#[test]
fn a_bad_configuration_is_refused_and_what_was_there_stays() {
    let dispatcher = start();
    configure(&dispatcher, 1, "good");
    assert!(!configure(&dispatcher, 1, "bad") && !configure(&dispatcher, 2, "bad"));
    let logged = with(|host| std::mem::take(&mut host.log));
    assert!(logged.iter().all(|line| line.contains("field") && line.contains("is bad")), "{logged:?}");
    dispatcher.on_context_create(3, 1);
    dispatcher.on_context_create(4, 2);
    assert_eq!(dispatcher.on_request_headers(3, true), Action::Pause);
    assert_eq!(dispatcher.on_request_headers(4, true), Action::Continue);
}

#[test]
fn what_nobody_knows_passes() {
    let dispatcher = start();
    dispatcher.on_context_create(3, 1);
    for id in [0, 1, 3, u32::MAX] {
        assert_eq!(dispatcher.on_request_headers(id, true), Action::Continue);
        assert_eq!(dispatcher.on_request_body(id, 1, true), Action::Continue);
        assert_eq!(dispatcher.on_response_headers(id, true), Action::Continue);
        assert_eq!(dispatcher.on_response_body(id, 1, true), Action::Continue);
        assert_eq!(dispatcher.on_response_trailers(id), Action::Continue);
        dispatcher.on_log(id);
        dispatcher.on_tick(id);
        dispatcher.on_delete(id);
        dispatcher.on_callout(id, 1, 1);
    }
    assert_eq!(told(), Vec::<String>::new());
}

#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    let dispatcher = start();
    configure(&dispatcher, 1, "one");
    dispatcher.on_context_create(3, 1);
    dispatcher.on_request_headers(3, true);
    dispatcher.on_delete(3);
    answer(&dispatcher);
    dispatcher.on_callout(1, 1, 1);
    assert_eq!(told(), ["one 3 begins"]);
}

#[test]
fn a_stream_may_be_called_from_within() {
    start();
    DISPATCHER.with(|dispatcher| {
        configure(dispatcher, 1, "one");
        dispatcher.on_context_create(3, 1);
        assert_eq!(dispatcher.on_response_body(3, 7, true), Action::Pause);
        assert_eq!(told(), ["7 Continue Continue"]);
        dispatcher.on_log(3);
        assert_eq!(told(), Vec::<String>::new(), "it has been deleted");
    });
}
