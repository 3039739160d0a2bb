//! What has to hold, and whether it does.

use anyhow::Result;
use testbed::{Client, Request, Response};

use super::mix;
use super::stack::Stack;

/// Something that has to hold.
#[derive(Debug)]
pub struct Check {
    what: String,
    passed: bool,
    detail: String,
}

impl Check {
    /// `what` holds or not, as `detail` shows.
    pub fn new(what: &str, passed: bool, detail: String) -> Check {
        Check { what: what.to_owned(), passed, detail }
    }
}

/// Prints a line a check; true if all passed.
pub fn print(checks: &[Check]) -> bool {
    println!();
    for check in checks {
        println!("{}  {} ({})", if check.passed { "PASS" } else { "FAIL" }, check.what, check.detail);
    }
    checks.iter().all(|check| check.passed)
}

/// Asks the API and Envoy for every address of the mix, with no writes in between, then writes, and asks again.
/// Through Envoy each is asked for four times over new connections, so that misses and hits of several workers are
/// among the answers, compressed and plain. The API that answers for itself has no cache of any kind.
pub fn answers_are_equal(stack: &Stack) -> Result<Check> {
    let what = "every answer through Envoy equals the API's own";
    let items = stack.items;
    let (mut compared, mut hits, mut compressed) = (0, 0, 0);
    for round in ["before a write", "after a write"] {
        for target in mix::distinct_reads(items) {
            let own = Client::new().send(Request::get(stack.plain.url(&target)))?;
            for coding in ["gzip", "gzip", "identity", "identity"] {
                let request = Request::get(stack.front.url(&target)).header("accept-encoding", coding);
                let through = Client::new().send(request)?;
                compared += 1;
                hits += u32::from(through.header("x-cache").as_deref() == Some("HIT"));
                compressed += u32::from(through.header("content-encoding").as_deref() == Some("gzip"));
                if let Some(difference) = difference(&own, &through, coding) {
                    return Ok(Check::new(what, false, format!("{target} {round}: {difference}")));
                }
            }
        }
        let item = mix::new_item("written between the comparisons");
        let made = Client::new().send(Request::post_json(stack.front.url("/api/items"), &item))?;
        if made.status != 201 {
            return Ok(Check::new(what, false, format!("POST /api/items: status {}", made.status)));
        }
    }
    let passed = hits > 0 && compressed > 0;
    let detail =
        format!("{compared} answers, {hits} of them hits, {compressed} compressed; before and after a write");
    Ok(Check::new(what, passed, detail))
}

fn difference(own: &Response, through: &Response, coding: &str) -> Option<String> {
    if own.status != through.status {
        return Some(format!("status {} instead of {}", through.status, own.status));
    }
    if own.header("content-type") != through.header("content-type") {
        return Some(format!("content-type {:?}", through.header("content-type")));
    }
    if coding == "identity" && through.header("content-encoding").is_some() {
        return Some("compressed for a client that does not want it".to_owned());
    }
    match through.decoded() {
        Err(error) => Some(format!("{error:#}")),
        Ok(body) if body == own.body => None,
        Ok(body) => Some(format!("another body: {} bytes instead of {}", body.len(), own.body.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::http::HeaderMap;

    #[test]
    fn differences_are_found_and_named() {
        let response = |status, body: &str, coding: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(coding) = coding {
                headers.insert("content-encoding", coding.parse().unwrap());
            }
            Response { status, headers, body: body.into() }
        };
        let own = response(200, "abc", None);
        let cases = [
            (response(200, "abc", None), None),
            (response(500, "abc", None), Some("status 500")),
            (response(200, "abd", None), Some("another body")),
            (response(200, "abc", Some("gzip")), Some("compressed for a client")),
            (response(200, "abc", Some("br")), Some("compressed for a client")),
        ];
        for (through, expected) in cases {
            let found = difference(&own, &through, "identity");
            match expected {
                None => assert_eq!(found, None),
                Some(part) => {
                    assert!(found.as_deref().is_some_and(|found| found.contains(part)), "{found:?}")
                }
            }
        }
        let broken = response(200, "abc", Some("gzip"));
        assert!(difference(&own, &broken, "gzip").is_some_and(|found| found.contains("gzip")));
    }
}
