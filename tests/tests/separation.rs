//! No answer reaches someone it was not meant for.

use e2e::{Setup, assert_text, cache_detail, hit, miss, route, x_cache};
use testbed::{Answer, Question, Request, Response};

/// A long JSON body that says whom it is for.
fn for_whom(who: &str) -> String {
    format!("{{\"for\":\"{who}\",\"filler\":\"{}\"}}", "x".repeat(2_000))
}

#[test]
fn codings_are_different_entries() {
    let proxy = Setup::new().start(|_| Answer::json(for_whom("all")));
    let ask: [(&[(&str, &str)], bool); 4] = [
        (&[("accept-encoding", "gzip, br;q=0.5")], true),
        (&[], false),
        (&[("accept-encoding", "gzip"), ("x-no-compression", "1")], false),
        (&[("accept-encoding", "gzip;q=0")], false),
    ];
    let check = |response: Response, gzip: bool| {
        assert_eq!(response.header("content-encoding").is_some(), gzip, "{:?}", response.headers);
        assert_text(&response, 200, &for_whom("all"));
        assert_eq!(response.header("vary").as_deref(), Some("Accept-Encoding"));
    };
    for _ in 0..3 {
        for (headers, gzip) in ask {
            check(proxy.get_with("/api/items", headers), gzip);
        }
    }
    // Of the four the last reads like the second: identity.
    assert_eq!(proxy.origin.total(), 3);
    for (headers, gzip) in ask {
        check(hit(proxy.get_with("/api/items", headers)), gzip);
    }
}

#[test]
fn an_origin_that_encodes_itself_is_stored_for_those_who_can_decode() {
    let proxy = Setup::new().start(|question| {
        let wants = question.header("accept-encoding").unwrap_or_default();
        let answer = Answer::json(for_whom("x"));
        if wants.contains("br") { answer.header("content-encoding", "br") } else { answer }
    });
    let coding = |response: Response| response.header("content-encoding");
    // The second is sent what the cache's key does not say: the service has another preference.
    for accepted in ["br", "gzip, br"] {
        let ask = || proxy.get_with("/api/items", &[("accept-encoding", accepted)]);
        assert_eq!(coding(miss(ask())).as_deref(), Some("br"), "{accepted}");
        assert_eq!(coding(hit(ask())).as_deref(), Some("br"), "{accepted}");
    }
    let gzip = proxy.get_with("/api/items", &[("accept-encoding", "gzip")]);
    assert_eq!(coding(miss(gzip)).as_deref(), Some("gzip"), "by the filter");
    assert!(miss(proxy.get("/api/items")).header("content-encoding").is_none());
    assert!(hit(proxy.get("/api/items")).header("content-encoding").is_none());
    let br = proxy.get_with("/api/items", &[("accept-encoding", "br")]);
    assert_eq!(coding(hit(br)).as_deref(), Some("br"));
}

#[test]
fn requests_with_credentials_go_past() {
    let whoever = |question: &Question| {
        let who = ["authorization", "cookie", "x-api-key"].iter().find_map(|name| question.header(name));
        Answer::json(for_whom(&who.unwrap_or("nobody".to_owned())))
    };
    let proxy = Setup::uncompressed().start(whoever);
    for header in ["authorization", "cookie", "x-api-key", "Cookie"] {
        for who in ["alice", "bob"] {
            let response = proxy.get_with("/api/items", &[(header, who)]);
            assert_eq!(
                (x_cache(&response).as_str(), cache_detail(&response).as_str()),
                ("BYPASS", "credentials")
            );
            assert_text(&response, 200, &for_whom(who));
        }
    }
    assert_text(&miss(proxy.get("/api/items")), 200, &for_whom("nobody"));
    assert_text(&proxy.get_with("/api/items", &[("cookie", "carol")]), 200, &for_whom("carol"));
    assert_text(&hit(proxy.get("/api/items")), 200, &for_whom("nobody"));
}

#[test]
fn what_is_personal_is_never_stored() {
    let proxy = Setup::uncompressed().start(|question| {
        let answer = Answer::json("x");
        match question.path().rsplit('/').next().unwrap_or_default() {
            "set-cookie" => answer.header("set-cookie", "session=1").header("cache-control", "max-age=60"),
            "no-store" => answer.header("cache-control", "max-age=60, no-store"),
            "private" => answer.header("cache-control", "private, max-age=60"),
            "private-on-second-line" => {
                answer.header("cache-control", "max-age=60").header("cache-control", "PRIVATE")
            }
            "no-cache" => answer.header("cache-control", "no-cache"),
            "vary-any" => answer.header("vary", "*"),
            "status" => Answer { status: 500, ..answer.header("cache-control", "max-age=60") },
            "partial" => Answer { status: 206, ..answer.header("content-range", "bytes 0-0/9") },
            "stream" => Answer::new(200, "data: x\n\n").header("content-type", "text/event-stream"),
            _ => answer.header("vary", "Accept-Encoding"),
        }
    });
    for (name, detail) in [
        ("set-cookie", "set-cookie"),
        ("no-store", "no-store"),
        ("private", "private"),
        ("private-on-second-line", "private"),
        ("no-cache", "no-cache"),
        ("vary-any", "vary"),
        ("status", "status"),
        ("partial", "partial"),
        ("stream", "content-type"),
    ] {
        let path = format!("/api/items/{name}");
        for _ in 0..2 {
            assert_eq!(cache_detail(&miss(proxy.get(&path))), detail, "{name}");
        }
        assert_eq!(proxy.origin.count(&path), 2, "{name}");
    }
    miss(proxy.get("/api/items/plain"));
    hit(proxy.get("/api/items/plain"));
}

#[test]
fn bodies_and_preconditions_go_past() {
    let proxy = Setup::uncompressed().start(|_| Answer::json("x"));
    miss(proxy.get("/api/items"));
    for (name, value, detail) in [
        ("if-match", "\"a\"", "precondition"),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", "precondition"),
    ] {
        assert_eq!(cache_detail(&proxy.get_with("/api/items", &[(name, value)])), detail);
    }
    let with_body = Request::get(proxy.url("/api/items")).body("a body");
    assert_eq!(cache_detail(&proxy.ask(with_body)), "body");
    assert_eq!(proxy.origin.total(), 4);
}

#[test]
fn headers_of_the_key_separate_users() {
    let proxy = Setup::uncompressed()
        .route(route(
            "mine",
            "{ path: /mine }",
            "{ default_ttl_seconds: 60, key_headers: [authorization, accept-language] }",
        ))
        .start(|question| {
            let language = question.header("accept-language").unwrap_or_default();
            let who = question.header("authorization").unwrap_or_default();
            Answer::json(format!("{who}/{language}")).header("vary", "Accept-Language, Authorization")
        });
    let users = ["Bearer alice", "Bearer bob", "bearer alice", ""];
    let languages = ["de", "en"];
    for round in 0..2 {
        for user in users {
            for language in languages {
                let headers = [("authorization", user), ("accept-language", language)];
                // An empty value is one too, and not the same as none.
                let response = proxy.get_with("/mine", &headers);
                let response = if round == 0 { miss(response) } else { hit(response) };
                assert_text(&response, 200, &format!("{user}/{language}"));
            }
        }
    }
    // A cookie is a credential still.
    let with_cookie = [("authorization", users[0]), ("accept-language", "de"), ("cookie", "a=b")];
    assert_eq!(x_cache(&proxy.get_with("/mine", &with_cookie)), "BYPASS");
}

#[test]
fn routes_told_apart_by_a_header_never_mix() {
    for route_fields in ["# route_fields: [x-canary]", "route_fields: [x-canary]"] {
        let canary = "{ path: /shop, headers: [{ name: x-canary, string_match: { exact: 'yes' } }] }";
        let proxy = Setup::uncompressed()
            .edit("# route_fields: [x-canary]", route_fields)
            .route(route("shop-canary", canary, "{ default_ttl_seconds: 60 }"))
            .route(route("shop", "{ path: /shop }", "{ default_ttl_seconds: 60 }"))
            .start(|question| Answer::json(question.header("x-canary").unwrap_or("stable".to_owned())));
        let canary = [("x-canary", "yes")];
        assert_text(&miss(proxy.get_with("/shop", &canary)), 200, "yes");
        assert_text(&miss(proxy.get("/shop")), 200, "stable");
        for _ in 0..2 {
            assert_text(&hit(proxy.get_with("/shop", &canary)), 200, "yes");
            assert_text(&hit(proxy.get("/shop")), 200, "stable");
        }
        proxy.wait_for_metric("http_requests_total", &[("route", "shop-canary")], 3.0);
        proxy.wait_for_metric("http_requests_total", &[("route", "shop")], 3.0);
    }
}
