//! The cache filter through a history of requests, purges, faults, time and clocks that are set, against a model that knows of every answer for
//! whom and when it was made.

mod companion;
mod origin;

use crate::input::Input;
use companion::Companion;
use origin::{Answer, Asked, Origin};
use response_cache::ResponseCache;
use slipstream_host::double::{Double, DrivenStream, set_clock_by_ms, set_property, set_route, with};
use slipstream_host::{Action, Plugin, Property};

type Stream = DrivenStream<<ResponseCache as Plugin>::Stream>;

const CONFIG: &str =
    r#"{"companion": {"cluster": "companion"}, "codings": ["gzip"], "l1": {"max_bytes": 20000}}"#;
const PATHS: [&str; 4] = ["/items?a=1&b=2", "/items?b=2&a=1", "/items", "/item%73"];
const MAX_UNDER_WAY: usize = 6;

/// A request that has not been answered yet.
struct UnderWay {
    stream: Stream,
    asked: Asked,
    /// The answer that the service is making; none while the filter has not asked it.
    answer: Option<Answer>,
    /// Lookups that the companion has not answered.
    lookups: Vec<slipstream_host::double::SentCallout>,
}

struct World {
    proxy: Double<ResponseCache>,
    companion: Companion,
    origin: Origin,
    under_way: Vec<UnderWay>,
}

/// One step a byte, and what it needs.
pub fn history(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let proxy = Double::start(CONFIG).expect("it is a configuration");
    set_property(Property::ROUTE_NAME, b"items");
    set_property(Property::CLUSTER_NAME, b"shop");
    let tags = serde_json::json!({"default_ttl_seconds": 30, "tags": ["items"]});
    set_route("slipstream.response-cache", &tags);
    let mut world =
        World { proxy, companion: Companion::default(), origin: Origin::default(), under_way: Vec::new() };
    world.proxy.tick_after_ms(0);
    world.poll();
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(11) {
            0..=2 => self.request(input),
            3 | 4 => self.answer_lookup(input),
            5 | 6 => self.respond(input),
            7 => self.poll(),
            8 => self.purge(input),
            9 => {
                let ms = input.choice(&[-3_600_000, -2_000, 2_000, 3_600_000]);
                self.origin.was_clock_set_back |= ms < 0;
                set_clock_by_ms(ms);
            }
            _ => {
                let ms = input.choice(&[1_u64, 20, 300, 1_100, 6_000, 40_000]);
                self.proxy.tick_after_ms(ms);
                self.wake();
            }
        }
        self.drain(None);
    }

    fn request(&mut self, input: &mut Input<'_>) {
        if self.under_way.len() >= MAX_UNDER_WAY {
            return;
        }
        let asked = Asked::read(input, PATHS, self.origin.purged);
        let mut under_way =
            UnderWay { stream: self.proxy.stream(), asked, answer: None, lookups: Vec::new() };
        let goes_on = under_way.stream.request_bytes(&under_way.asked.fields(), b"") == Action::Continue;
        self.under_way.push(under_way);
        self.settle(self.under_way.len() - 1, goes_on);
    }

    /// Finds out what has become of a request after something was done to it.
    fn settle(&mut self, index: usize, goes_on: bool) {
        self.drain(Some(index));
        let (reply, resumed) =
            with(|host| (host.local_replies.pop(), std::mem::take(&mut host.resumed_requests) > 0));
        let now_ms = now_ms();
        if let Some(reply) = reply {
            let under_way = self.under_way.remove(index);
            assert!(!resumed && !goes_on, "answered, and sent on");
            self.origin.check(&under_way.asked, &reply, now_ms);
        } else if resumed || goes_on {
            let answer = self.origin.begin(&self.under_way[index].asked);
            self.under_way[index].answer = Some(answer);
        }
    }

    /// Takes the callouts that were sent: lookups are the stream's that was just driven, the rest the plugin's.
    fn drain(&mut self, index: Option<usize>) {
        let (lookups, others): (Vec<_>, Vec<_>) = with(|host| std::mem::take(&mut host.callouts))
            .into_iter()
            .partition(|sent| sent.header(":method") == Some("GET") && companion::is_lookup(sent));
        if let Some(index) = index {
            self.under_way[index].lookups.extend(lookups);
        }
        for sent in others {
            self.companion.hear(&self.proxy, sent);
        }
    }

    fn answer_lookup(&mut self, input: &mut Input<'_>) {
        let waiting: Vec<usize> =
            (0..self.under_way.len()).filter(|index| !self.under_way[*index].lookups.is_empty()).collect();
        if waiting.is_empty() {
            return;
        }
        let index = input.choice(&waiting);
        let lookup = self.under_way[index].lookups.remove(0);
        let answer = self.companion.answer(&lookup, input);
        let headers: Vec<(&str, &str)> =
            answer.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.under_way[index].stream.answer(lookup.token, answer.status, &headers, &answer.body);
        self.settle(index, false);
    }

    /// The service answers one of the requests that it has.
    fn respond(&mut self, input: &mut Input<'_>) {
        let asked: Vec<usize> =
            (0..self.under_way.len()).filter(|index| self.under_way[*index].answer.is_some()).collect();
        if asked.is_empty() {
            return;
        }
        let mut under_way = self.under_way.remove(input.choice(&asked));
        let answer = under_way.answer.take().expect("it was chosen for that");
        let (fields, body) = self.origin.finish(answer, input, now_ms());
        let fields: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let breaks_off = input.below(8) == 0;
        under_way.stream.response_headers_bytes(&fields, false);
        under_way.stream.response_body(body.as_bytes(), !breaks_off);
        under_way.stream.log();
        with(|host| host.resumed_responses = 0);
        drop(under_way);
        self.wake();
    }

    /// The follower hears of the log.
    fn poll(&mut self) {
        self.drain(None);
        self.companion.answer_poll(&self.proxy);
        self.wake();
    }

    /// What the service answers changes, it purges all, and that is acknowledged: all who hold a lease have heard of it, or it has run out.
    fn purge(&mut self, input: &mut Input<'_>) {
        self.origin.written += 1;
        self.companion.purge(input);
        if input.flag() {
            self.poll();
        }
        if !self.companion.is_confirmed() {
            self.proxy.tick_after_ms(1_100);
            self.wake();
        }
        self.origin.purged = self.origin.written;
    }

    fn wake(&mut self) {
        for id in slipstream_host::double::take_woken() {
            if let Some(index) = self.under_way.iter().position(|under_way| under_way.stream.id() == id) {
                self.drain(None);
                self.under_way[index].stream.wake();
                self.settle(index, false);
            }
        }
    }
}

/// How time passes, whatever the filter takes for the time of day.
fn now_ms() -> u64 {
    with(|host| host.monotonic_ns / 1_000_000)
}
