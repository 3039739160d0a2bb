use std::fs;

use super::*;
use crate::check;

fn answers() -> Answers {
    Answers {
        service: "shop".to_owned(),
        listen: "0.0.0.0:10000".parse().unwrap(),
        upstream: "shop.internal:8080".parse().unwrap(),
        companion: "127.0.0.1:8900".parse().unwrap(),
        admin: "127.0.0.1:9901".parse().unwrap(),
        filters: FILTERS.iter().map(|filter| filter.name.to_owned()).collect(),
        filter_folder: "filters".to_owned(),
        cached: vec!["/api/items=300".parse().unwrap()],
        file: "envoy.yaml".to_owned(),
    }
}

/// A folder in which the filters are, or files that have their names.
fn folder() -> tempfile::TempDir {
    let folder = testbed::temp_dir("init").unwrap();
    fs::create_dir(folder.path().join("filters")).unwrap();
    for filter in FILTERS {
        fs::write(folder.path().join(format!("filters/{}.wasm", filter.name)), "").unwrap();
    }
    folder
}

#[test]
fn what_is_written_has_nothing_to_find() {
    let folder = folder();
    let one = |name: &str| Answers { filters: vec![name.to_owned()], cached: Vec::new(), ..answers() };
    let mut all: Vec<Answers> = FILTERS.iter().map(|filter| one(filter.name)).collect();
    all.push(answers());
    all.push(Answers { listen: "[::1]:80".parse().unwrap(), ..answers() });
    for answers in all {
        let text = answers.render().unwrap();
        assert!(!text.contains("{{"), "{text}");
        let report = check(&text, folder.path()).unwrap();
        assert_eq!(report.findings, [], "{text}");
    }
}

#[test]
fn answers_that_cannot_be_used_are_named() {
    let cases = [
        (Answers { service: "a b".to_owned(), ..answers() }, "service: `a b` is no name"),
        (Answers { service: "true".to_owned(), ..answers() }, "service: `true` is no name"),
        (
            Answers { filters: vec!["cache".to_owned()], ..answers() },
            "filters: there is no filter `cache`: known are request-metrics",
        ),
        (Answers { filters: Vec::new(), ..answers() }, "filters: expected one filter at least"),
        (
            Answers { filters: vec!["compression".to_owned()], ..answers() },
            "cache: needs the filter response-cache",
        ),
    ];
    for (answers, expected) in cases {
        let said = answers.render().unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn paths_that_no_route_can_have_are_refused() {
    for text in ["/api", "api=1", "/=1", "/api/=1", "/a b=1", "/a=0", "/a=x", "/a?b=1"] {
        assert!(text.parse::<CachedPath>().is_err(), "{text}");
    }
}
