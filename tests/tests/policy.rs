//! What a route caches is the route's to say.

use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::{Proxy, Setup, assert_text, cache_detail, hit, miss, route, wait_for, x_cache};
use testbed::{Answer, Question, Response};

/// Numbers its answers; the path's last segment says what they are like.
fn numbered() -> impl Fn(&Question) -> Answer {
    let count = AtomicUsize::new(0);
    move |question| {
        let answer = Answer::json((count.fetch_add(1, Ordering::SeqCst) + 1).to_string());
        let is_known = question.header("if-none-match").as_deref() == Some("\"v1\"");
        match question.path().rsplit('/').next().unwrap_or_default() {
            "no-cache" if is_known => {
                Answer::new(304, "").header("etag", "\"v1\"").header("cache-control", "no-cache")
            }
            "no-cache" => answer.header("cache-control", "no-cache").header("etag", "\"v1\""),
            "cookie" => answer.header("cache-control", "max-age=60").header("set-cookie", "a=b"),
            "redirect" => {
                Answer { status: 302, ..answer }.header("location", "/").header("cache-control", "max-age=60")
            }
            "modified" => answer.header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            "public" => answer.header("cache-control", "public, max-age=60"),
            "missing" => Answer { status: 404, ..answer },
            "text" => answer.header("cache-control", "max-age=60").header("content-type", "text/plain"),
            "large" => Answer::json("x".repeat(200)).header("cache-control", "max-age=60"),
            "draft" => answer.header("cache-control", "max-age=60").header("x-draft", "yes"),
            "targeted" => {
                answer.header("cache-control", "no-store").header("cdn-cache-control", "max-age=60")
            }
            _ => answer.header("cache-control", "max-age=60"),
        }
    }
}

fn cache_status(response: &Response) -> String {
    response.header("cache-status").unwrap_or_default()
}

/// Asks twice; whether the second answer came from the cache, and why not.
fn is_cached(proxy: &Proxy, path: &str, headers: &[(&str, &str)]) -> Result<(), String> {
    proxy.get_with(path, headers);
    let again = proxy.get_with(path, headers);
    if x_cache(&again) == "HIT" { Ok(()) } else { Err(cache_detail(&again)) }
}

#[test]
fn presets_differ_in_what_rfc_9111_allows() {
    let proxy = Setup::uncompressed()
        .route(route("all", "{ prefix: /all/ }", "{ preset: rfc9111 }"))
        .route(route("some", "{ prefix: /some/ }", "{ preset: rfc9111, store_set_cookie: false }"))
        .start(numbered());
    let bearer = [("authorization", "Bearer me")];
    for (what, headers, cautious) in [
        ("cookie", &[][..], Some("set-cookie")),
        ("redirect", &[], Some("status")),
        ("modified", &[], Some("no-freshness")),
        ("public", &bearer, Some("credentials")),
        ("targeted", &[], None),
        ("other", &[], None),
    ] {
        assert_eq!(is_cached(&proxy, &format!("/all/{what}"), headers), Ok(()), "{what}");
        let expected = cautious.map_or(Ok(()), |reason| Err(reason.to_owned()));
        assert_eq!(is_cached(&proxy, &format!("/cautious/{what}"), headers), expected, "{what}");
    }
    assert_eq!(
        is_cached(&proxy, "/some/cookie", &[]),
        Err("set-cookie".into()),
        "a setting goes before the preset"
    );
    assert_eq!(proxy.get("/all/cookie").header("set-cookie").as_deref(), Some("a=b"));
    assert_eq!(
        is_cached(&proxy, "/all/personal", &bearer),
        Err("credentials".into()),
        "nothing lets it be shared"
    );
    // What has to be validated each time costs the service no more than a 304.
    let first = miss(proxy.get("/all/no-cache"));
    for _ in 0..2 {
        let again = proxy.get("/all/no-cache");
        assert_text(&again, 200, &first.text());
        assert_eq!(cache_status(&again), "slipstream; fwd=stale; fwd-status=304; stored");
    }
    assert_eq!(is_cached(&proxy, "/cautious/no-cache", &[]), Err("no-cache".into()));
}

#[test]
fn settings_of_all_routes_hold_where_a_route_has_none() {
    let proxy = Setup::uncompressed()
        .edit(
            "# defaults: { preset: rfc9111 }",
            "defaults: { preset: rfc9111, status_ttl_seconds: { '404': 60 } }",
        )
        .route(route("own", "{ prefix: /own/ }", "{ preset: cautious, status_ttl_seconds: { 4xx: 0 } }"))
        .start(numbered());
    for (path, expected) in [
        ("/any/cookie", Ok(())),
        ("/any/missing", Ok(())),
        ("/own/cookie", Err("set-cookie".to_owned())),
        ("/own/missing", Err("stale".to_owned())),
        ("/api/items/cookie", Ok(())),
    ] {
        assert_eq!(is_cached(&proxy, path, &[]), expected, "{path}");
    }
}

#[test]
fn a_route_keeps_from_the_cache_what_it_wants_and_says_so() {
    let settings = "{ content_types: [application/json], max_entry_bytes: 100, \
         bypass_when: [{ header: x-preview }, { query: nocache }, { cookie: admin, value: '1' }], \
         no_store_when: [{ response_header: x-draft, value: 'yes' }, { header: x-debug }], methods: [GET], \
         store_credentialed: true }";
    let proxy =
        Setup::uncompressed().route(route("picky", "{ prefix: /picky/ }", settings)).start(numbered());
    for (what, headers, reason) in [
        ("any", &[][..], None),
        ("any?nocache=1", &[], Some("condition")),
        ("any", &[("x-preview", "1")], Some("condition")),
        ("any", &[("cookie", "admin=1")], Some("condition")),
        ("any", &[("cookie", "admin=2")], None),
        ("debugged", &[("x-debug", "1")], Some("condition")),
        ("draft", &[], Some("condition")),
        ("text", &[], Some("content-type")),
        ("large", &[], Some("size")),
    ] {
        let expected = reason.map_or(Ok(()), |reason| Err(reason.to_owned()));
        assert_eq!(is_cached(&proxy, &format!("/picky/{what}"), headers), expected, "{what} {headers:?}");
    }
    let head = proxy.send("HEAD", "/picky/any", &[]);
    assert_eq!((x_cache(&head).as_str(), cache_detail(&head).as_str()), ("BYPASS", "method"));
    let of_route = |reason| [("route", "picky"), ("reason", reason)];
    proxy.wait_for_metric("slipstream_cache_bypasses_total", &of_route("condition"), 6.0);
    proxy.wait_for_metric("slipstream_cache_not_stored_total", &of_route("condition"), 4.0);
    proxy.wait_for_metric("slipstream_cache_not_stored_total", &of_route("size"), 2.0);
}

#[test]
fn a_route_says_what_is_the_same_to_it() {
    let proxy = Setup::uncompressed()
        .route(route(
            "query",
            "{ prefix: /query }",
            "{ key_query: { except: ['utm_*', fbclid] }, default_ttl_seconds: 60 }",
        ))
        .route(route("host", "{ prefix: /host }", "{ key_host: false }"))
        .route(route("order", "{ prefix: /order }", "{ key_query_order: true }"))
        .route(route("lang", "{ prefix: /lang }", "{ key_cookies: [lang], store_credentialed: true }"))
        .route(route(
            "template",
            "{ prefix: /template }",
            "{ key_template: '{query:page}{header:x-tenant}' }",
        ))
        .route(route("deaf", "{ prefix: /deaf }", "{ ignore_client_directives: true }"))
        .start(numbered());
    type Fields = &'static [(&'static str, &'static str)];
    let cases: [(&str, Fields, &str, Fields, bool); 11] = [
        ("/query?b=1&utm_source=a", &[], "/query?fbclid=7&b=1", &[], true),
        ("/query?b=2", &[], "/query?b=3", &[], false),
        ("/host", &[("host", "a.example")], "/host", &[("host", "b.example")], true),
        ("/order?b=1&a=2", &[], "/order?a=2&b=1", &[], false),
        ("/lang", &[("cookie", "lang=de; id=1")], "/lang", &[("cookie", "id=2; lang=de")], true),
        ("/lang", &[("cookie", "lang=en")], "/lang", &[("cookie", "lang=fr")], false),
        ("/template?page=1&x=1", &[("x-tenant", "7")], "/template?x=2&page=1", &[("x-tenant", "7")], true),
        ("/template?page=2", &[("x-tenant", "7")], "/template?page=2", &[("x-tenant", "8")], false),
        ("/template?page=12", &[("x-tenant", "3")], "/template?page=1", &[("x-tenant", "23")], false),
        ("/deaf", &[], "/deaf", &[("cache-control", "no-cache")], true),
        ("/any", &[], "/any", &[("cache-control", "no-cache")], false),
    ];
    for (one, headers, other, other_headers, is_same) in cases {
        let first = miss(proxy.get_with(one, headers));
        let second = proxy.get_with(other, other_headers);
        assert_eq!(x_cache(&second) == "HIT", is_same, "{first:?} {second:?}");
    }
    // A purge of any URL finds what may answer it.
    let url = format!("GET {}/query?utm_source=whatever", proxy.authority());
    hit(proxy.get("/query?b=1"));
    proxy.invalidate(&serde_json::json!({"keys": [url]}));
    miss(proxy.get("/query?b=1"));
}

#[test]
fn a_broken_setting_is_named_and_leaves_only_its_route_alone() {
    let broken = [
        (
            "status",
            "{ status_ttl_seconds: { 9xx: 1 } }",
            "status_ttl_seconds.9xx",
            "expected a status from 200 to 599",
        ),
        ("order", "{ min_ttl_seconds: 61, max_ttl_seconds: 60 }", "min_ttl_seconds", "expected 0 to 60"),
        ("methods", "{ methods: [HEAD] }", "methods", "expected GET among them"),
        ("types", "{ content_types: [json] }", "content_types[0]", "expected a type"),
        ("template", "{ key_template: '{page}' }", "key_template", "is no place"),
        (
            "late",
            "{ bypass_when: [{ response_header: x }] }",
            "bypass_when[0]",
            "a request has no response_header",
        ),
        (
            "both",
            "{ no_store_when: [{ header: a, cookie: b }] }",
            "no_store_when[0]",
            "expected exactly one of",
        ),
        ("preset", "{ preset: bold }", "preset", "unknown variant `bold`"),
        ("field", "{ key_headers: ['a b'] }", "key_headers[0]", "is not the name of a header field"),
    ];
    let setup = broken.iter().fold(Setup::uncompressed(), |setup, (name, settings, ..)| {
        setup.route(route(name, &format!("{{ path: /{name} }}"), settings))
    });
    let proxy = setup.start(numbered());
    for (name, ..) in broken {
        assert_eq!(is_cached(&proxy, &format!("/{name}"), &[]), Err("settings".into()), "{name}");
    }
    assert_eq!(is_cached(&proxy, "/other", &[]), Ok(()));
    let log = proxy.front.envoy.log();
    for (name, _, field, message) in broken {
        let line = log.lines().find(|line| line.contains(&format!("route `{name}`"))).expect(&log);
        assert!(line.contains(&format!("`{field}`")) && line.contains(message), "{line}");
    }
    wait_for("the mistakes to be counted", || {
        proxy.metrics().sum("slipstream_config_errors_total", &[]) >= broken.len() as f64
    });
}
