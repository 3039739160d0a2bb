//! The service of the model. Each of its answers has a number, under which it is known for whom, of what and when it was made.

use crate::input::Input;
use slipstream_host::double::LocalReply;

const TENANTS: [&str; 3] = ["", "blue", "red"];
const USERS: [&str; 3] = ["", "", "Bearer ann"];
const DIRECTIVES: [(&str, Option<u64>); 10] = [
    // What stands in Cache-Control, and for how many seconds that lets a shared cache serve the answer.
    ("", Some(30)),
    ("max-age=5", Some(5)),
    ("max-age=60", Some(60)),
    ("max-age=60, s-maxage=1", Some(1)),
    ("private, max-age=60", None),
    ("no-store", None),
    ("no-cache, max-age=60", None),
    ("max-age=0", Some(0)),
    ("max-age=60, must-revalidate", Some(60)),
    ("public, max-age=5", Some(5)),
];
const VARY: [&str; 4] = ["", "x-tenant", "accept-language, x-tenant", "*"];

/// A request.
#[derive(Clone)]
pub struct Asked {
    path: &'static str,
    tenant: &'static str,
    user: &'static str,
    directive: &'static str,
    /// Up to which change the purges had been acknowledged when it came.
    purged: u64,
}

impl Asked {
    /// Reads one.
    pub fn read(input: &mut Input<'_>, paths: [&'static str; 4], purged: u64) -> Asked {
        Asked {
            path: input.choice(&paths),
            tenant: input.choice(&TENANTS),
            user: input.choice(&USERS),
            directive: input.choice(&["", "", "", "no-cache", "no-store", "only-if-cached"]),
            purged,
        }
    }

    /// Its fields.
    pub fn fields(&self) -> Vec<(&'static str, &'static [u8])> {
        let mut fields: Vec<(&str, &[u8])> =
            vec![(":method", b"GET"), (":authority", b"shop.example"), (":path", self.path.as_bytes())];
        for (name, value) in
            [("x-tenant", self.tenant), ("authorization", self.user), ("cache-control", self.directive)]
        {
            if !value.is_empty() {
                fields.push((name, value.as_bytes()));
            }
        }
        fields
    }

    /// The path as the cache may take it for another's.
    fn resource(&self) -> &'static str {
        if self.path.contains("b=2") { "/items?a=1&b=2" } else { self.path }
    }
}

/// An answer in the making: what it says was read when the request came.
pub struct Answer {
    asked: Asked,
    written: u64,
}

struct Made {
    answer: Answer,
    at_ms: u64,
    lifetime: Option<u64>,
    vary: &'static str,
    sets_cookie: bool,
}

/// The service.
#[derive(Default)]
pub struct Origin {
    /// How often its data have changed.
    pub written: u64,
    /// Up to which of the changes the purges have been acknowledged.
    pub purged: u64,
    /// What the companion has may then be taken for younger than it is. It drops it at the end of its lifetime.
    pub was_clock_set_back: bool,
    made: Vec<Made>,
}

impl Origin {
    /// A request arrives.
    pub fn begin(&self, asked: &Asked) -> Answer {
        Answer { asked: asked.clone(), written: self.written }
    }

    /// It is answered.
    pub fn finish(
        &mut self,
        answer: Answer,
        input: &mut Input<'_>,
        at_ms: u64,
    ) -> (Vec<(&'static str, String)>, String) {
        let (directive, lifetime) = input.choice(&DIRECTIVES);
        let (vary, sets_cookie) = (input.choice(&VARY), input.below(6) == 0);
        let mut fields = vec![(":status", "200".to_owned()), ("content-type", "text/plain".to_owned())];
        for (name, value) in [("cache-control", directive), ("vary", vary)] {
            if !value.is_empty() {
                fields.push((name, value.to_owned()));
            }
        }
        if sets_cookie {
            fields.push(("set-cookie", "id=1".to_owned()));
        }
        self.made.push(Made { answer, at_ms, lifetime, vary, sets_cookie });
        (fields, (self.made.len() - 1).to_string())
    }

    /// An answer that the cache gave: may it?
    pub fn check(&self, asked: &Asked, reply: &LocalReply, now_ms: u64) {
        if reply.status == 504 {
            return assert_eq!(asked.directive, "only-if-cached", "RFC 9111 §5.2.1.7");
        }
        let number = std::str::from_utf8(&reply.body).ok().and_then(|text| text.parse::<usize>().ok());
        let made = number.and_then(|number| self.made.get(number)).expect("it is an answer of the service");
        let whose = &made.answer.asked;
        assert_eq!(whose.resource(), asked.resource(), "another resource");
        assert!(whose.user.is_empty() && asked.user.is_empty(), "credentials");
        assert_ne!(whose.directive, "no-store", "RFC 9111 §5.2.1.5");
        assert_ne!(asked.directive, "no-cache", "RFC 9111 §5.2.1.4");
        assert!(!made.sets_cookie && made.vary != "*", "not to be stored");
        if made.vary.contains("x-tenant") {
            assert_eq!(whose.tenant, asked.tenant, "another variant");
        }
        assert!(made.answer.written >= asked.purged, "purged before it was asked for");
        let lifetime = made.lifetime.expect("not for a shared cache to store");
        let times = if self.was_clock_set_back { 2 } else { 1 };
        assert!(
            now_ms.saturating_sub(made.at_ms) <= times * lifetime * 1_000,
            "stale: made at {}, now {now_ms}",
            made.at_ms
        );
    }
}
