//! What an attacker sends reaches nobody else, and what is private is not stored.

use e2e::{Connection, Setup, assert_text, cache_detail, hit, miss, route, x_cache};
use testbed::{Answer, Body, Question};

/// Fields that services read without a cache's knowing.
const UNKEYED: [&str; 6] =
    ["x-forwarded-host", "x-host", "x-forwarded-scheme", "x-original-url", "x-rewrite-url", "forwarded"];

fn reflecting(question: &Question) -> Answer {
    let seen = UNKEYED.iter().find_map(|name| question.header(name)).unwrap_or_default();
    Answer::json(format!("from {seen}")).header("cache-control", "max-age=60")
}

#[test]
fn what_a_service_says_it_varies_by_poisons_nobody() {
    let proxy = Setup::uncompressed()
        .route(route("keyed", "{ prefix: /keyed }", &format!("{{ key_headers: [{}] }}", UNKEYED.join(", "))))
        .start(|question| match question.path() {
            "/keyed" => reflecting(question),
            _ => reflecting(question).header("vary", UNKEYED.join(", ")),
        });
    for path in ["/keyed", "/varying"] {
        for name in UNKEYED {
            assert_text(&miss(proxy.get_with(path, &[(name, "evil.example")])), 200, "from evil.example");
        }
        assert_text(&miss(proxy.get(path)), 200, "from ");
        for name in UNKEYED {
            assert_text(&hit(proxy.get_with(path, &[(name, "evil.example")])), 200, "from evil.example");
        }
        assert_text(&hit(proxy.get(path)), 200, "from ");
    }
}

#[test]
fn what_a_service_keeps_quiet_about_can_be_kept_out_by_the_route() {
    let conditions: Vec<_> = UNKEYED.iter().map(|name| format!("{{ header: {name} }}")).collect();
    let settings = format!("{{ bypass_when: [{}] }}", conditions.join(", "));
    let proxy =
        Setup::uncompressed().route(route("careful", "{ prefix: /careful }", &settings)).start(reflecting);
    for name in UNKEYED {
        for _ in 0..2 {
            let poison = proxy.get_with("/careful", &[(name, "evil.example")]);
            assert_eq!(
                (x_cache(&poison).as_str(), cache_detail(&poison).as_str()),
                ("BYPASS", "condition"),
                "{name}"
            );
        }
    }
    assert_text(&miss(proxy.get("/careful")), 200, "from ");
    // Fields that are in no key make no entries of their own, on other routes too.
    assert_text(&miss(proxy.get("/other")), 200, "from ");
    for name in UNKEYED {
        assert_text(&hit(proxy.get_with("/other", &[(name, "evil.example")])), 200, "from ");
    }
}

#[test]
fn an_account_page_that_looks_like_a_style_sheet_is_not_stored() {
    let proxy = Setup::uncompressed()
        .route(route("pages", "{ prefix: /account }", "{ default_ttl_seconds: 300 }"))
        .route(route("bold", "{ prefix: /bold }", "{ preset: rfc9111 }"))
        .start(|question| {
            let who = question.header("x-who").unwrap_or_default();
            let answer = Answer::new(200, format!("secrets of {who}")).header("content-type", "text/css");
            let (_, how) = question.target.rsplit_once(['?', ';']).unwrap_or_default();
            match how {
                "no-store" => answer.header("cache-control", "no-store"),
                "private" => answer.header("cache-control", "private, max-age=60"),
                "private-field" => answer.header("cache-control", "private=\"x-other\""),
                "cookie" => answer.header("set-cookie", "session=1"),
                "expired" => answer.header("expires", "0"),
                _ => answer.header("vary", "*"),
            }
        });
    for path in ["/account/x.css", "/account/%2e%2e/account/x.css", "/account/..%3b/x.css", "/account//x.css"]
    {
        for how in ["?no-store", "?private", "?private-field", "?cookie", "?expired", "?any", ";no-store"] {
            let path = format!("{path}{how}");
            for who in ["victim", "attacker"] {
                let response = proxy.get_with(&path, &[("x-who", who)]);
                if response.status != 307 {
                    assert_text(&miss(response), 200, &format!("secrets of {who}"));
                }
            }
        }
    }
    for how in ["?no-store", "?private", "?any"] {
        for who in ["victim", "attacker"] {
            let response = proxy.get_with(&format!("/bold/x.css{how}"), &[("x-who", who), ("cookie", who)]);
            assert_text(&miss(response), 200, &format!("secrets of {who}"));
        }
    }
}

#[test]
fn a_thousand_variants_neither_fill_the_cache_nor_drive_anyone_out() {
    const MOST: usize = 64;
    let proxy = Setup::uncompressed().start(|question| {
        let agent = question.header("user-agent").unwrap_or_default();
        Answer::json(agent).header("vary", "User-Agent").header("cache-control", "max-age=60")
    });
    let as_agent = |agent: &str| proxy.get_with("/v", &[("user-agent", agent)]);
    assert_text(&miss(as_agent("someone")), 200, "someone");
    for number in 0..1_000 {
        let agent = format!("attacker {number}");
        let response = miss(as_agent(&agent));
        let is_refused = cache_detail(&response) == "variants";
        assert_eq!(is_refused, number + 1 >= MOST, "{number}: {:?}", response.headers);
        assert_text(&response, 200, &agent);
    }
    assert_text(&hit(as_agent("someone")), 200, "someone");
    let refused = (1_001 - MOST) as f64;
    proxy.wait_for_metric("slipstream_cache_not_stored_total", &[("reason", "variants")], refused);
    assert!(proxy.metrics().sum("slipstream_cache_l1_entries", &[]) <= (MOST + 1) as f64);
}

#[test]
fn a_response_that_lies_about_its_length_is_not_stored() {
    let proxy = Setup::uncompressed()
        .route(route("parts", "{ prefix: /part }", "{ preset: rfc9111 }"))
        .start(|question| {
            let answer = Answer::json("0123456789").header("cache-control", "max-age=60");
            match question.path() {
                "/short" => answer.body(Body::CutOff(100, b"0123456789".to_vec())),
                "/part" => Answer { status: 206, ..answer }.header("content-range", "bytes 0-99/1000"),
                _ => answer.header("content-range", "bytes 0-99/1000"),
            }
        });
    for _ in 0..2 {
        let answer = Connection::ask(proxy.front.port(), "GET /short", &[]);
        assert!(!String::from_utf8_lossy(&answer).contains("x-cache: HIT"));
        assert_eq!(miss(proxy.get_with("/part", &[("range", "bytes=0-99")])).status, 206);
        assert_eq!(cache_detail(&miss(proxy.get("/whole"))), "partial");
    }
    for path in ["/short", "/part", "/whole"] {
        assert_eq!(proxy.origin.count(path), 2, "{path}");
    }
}

#[test]
fn no_value_of_a_field_passes_for_another_key_or_tag() {
    let proxy = Setup::uncompressed()
        .route(route(
            "tenants",
            "{ prefix: /t }",
            "{ key_headers: [x-tenant, x-role], default_ttl_seconds: 60 }",
        ))
        .start(|question| {
            let field = |name| question.header(name).unwrap_or_default();
            let answer = Answer::json(format!("{}|{}", field("x-tenant"), field("x-role")));
            match question.path() {
                "/t/tags" => answer.header("surrogate-key", field("x-tag")),
                _ => answer,
            }
        });
    let values = ["a", "a;x-role=admin", "a%3Bx-role=admin", "a#gzip", "a;;vary=1", "", "a b", "A"];
    for round in 0..2 {
        for value in values {
            for role in [None, Some("admin")] {
                let role = role.map(|role| ("x-role", role));
                let headers: Vec<_> = [("x-tenant", value)].into_iter().chain(role).collect();
                let response = proxy.get_with("/t/keys", &headers);
                let response = if round == 0 { miss(response) } else { hit(response) };
                assert_text(&response, 200, &format!("{value}|{}", role.map_or("", |(_, role)| role)));
            }
        }
    }
    let many: Vec<String> = (0..129).map(|number| format!("t{number}")).collect();
    for (number, (tag, is_stored)) in [
        ("item-7", true),
        ("caf\u{e9}", false),
        ("item-7\tshop,  all", true),
        (&*"x".repeat(257), false),
        (&*many.join(" "), false),
    ]
    .into_iter()
    .enumerate()
    {
        let response = proxy.get_with(&format!("/t/tags?{number}"), &[("x-tag", tag)]);
        assert_eq!(cache_detail(&response) == "tags", !is_stored, "{tag}: {:?}", response.headers);
    }
}

#[test]
fn what_the_cache_and_its_companion_say_to_each_other_is_not_taken_from_others() {
    let proxy = Setup::uncompressed().start(|question| {
        Answer::json(question.target.clone())
            .header("cache-control", "max-age=60")
            .header("x-cache", "HIT")
            .header("cache-status", "slipstream; hit; ttl=999")
            .header("age", "0")
    });
    let key = format!("GET {}/other#identity:default", proxy.authority());
    let forged = [
        ("slipstream-key", key.as_str()),
        ("slipstream-lease", "0123456789abcdef"),
        ("slipstream-fetch", "lead"),
        ("slipstream-position", "0000000000000001:1"),
        ("x-slipstream-refresh", "0123456789abcdef0123456789abcdef:0123456789abcdef"),
    ];
    let first = miss(proxy.get_with("/v", &forged));
    assert_eq!(first.header_values("x-cache"), ["MISS"]);
    assert_text(&miss(proxy.get("/other")), 200, "/other");
    let again = hit(proxy.get_with("/v", &forged));
    assert_text(&again, 200, "/v");
    assert_eq!(again.header_values("cache-status").len(), 1, "{:?}", again.headers);
    assert_eq!(again.header_values("x-cache"), ["HIT"]);
    proxy.send("POST", "/v", &forged);
    let questions = proxy.origin.questions();
    assert!(questions.iter().all(|question| question.header("x-slipstream-refresh").is_none()));
    proxy.wait_for_metric("opt004_cache_hits_total", &[], 1.0);
}
