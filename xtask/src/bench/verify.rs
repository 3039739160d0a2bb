//! Whether a case is what it claims.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use testbed::{Client, Request, Response, wait_until};

use super::cases::{Case, Evidence};
use super::load::Seen;
use super::stack::Stack;

/// How long a case may take to become what it claims: a lease has to come, a response to be stored.
const PATIENCE: Duration = Duration::from_secs(10);
/// Filters hand their counts over on a tick, every second or more often.
const UNTIL_COUNTED: Duration = Duration::from_secs(5);
/// The share of the requests that has to be what the case claims. A lease that ran out on a busy machine may cost some.
const LEAST_SHARE: f64 = 0.98;
/// The most that the head of an answer takes.
const HEAD_BYTES: f64 = 2_000.0;

/// What was counted before the load.
#[derive(Debug)]
pub struct Before {
    origin_requests: u64,
    evidence: u64,
}

/// Asks until the answer is right, and then returns the bytes of its body on the wire. `unique` makes its URL differ from
/// all others where the case wants that.
pub fn answer(stack: &Stack, case: &Case, unique: &str) -> Result<usize> {
    let client = Client::new();
    let start = Instant::now();
    let base = stack.url(case)?;
    let mut attempt = 0;
    loop {
        let query = if case.new_urls { format!("?{unique}={attempt}") } else { String::new() };
        let mut request = Request::get(format!("{base}{}{query}", case.path()));
        if let Some(coding) = case.coding {
            request = request.header("accept-encoding", coding);
        }
        let origin_before = stack.origin.requests()?;
        let response = client.send(request)?;
        // Each question for the number counts as one.
        let from_origin = stack.origin.requests()? - origin_before > 1;
        match check(case, &response, stack.body(case)?, from_origin) {
            Ok(()) => return Ok(response.body.len()),
            Err(error) if start.elapsed() > PATIENCE => {
                let headers = &response.headers;
                return Err(error.context(format!("status {}, headers {headers:?}", response.status)));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        attempt += 1;
    }
}

fn check(case: &Case, response: &Response, body: &[u8], from_origin: bool) -> Result<()> {
    ensure!(response.status == 200, "expected status 200, found {}", response.status);
    let coding = response.header("content-encoding");
    let expected = case.coding.map(str::to_owned);
    ensure!(coding == expected, "expected content-encoding {expected:?}, found {coding:?}");
    ensure!(response.decoded()? == body, "expected the origin's body, found another");
    let kind = response.header("content-type").unwrap_or_default();
    ensure!(kind == "application/json", "expected content-type application/json, found {kind:?}");
    if case.is_our_hit() {
        let x_cache = response.header("x-cache").unwrap_or_default();
        ensure!(x_cache == "HIT", "expected x-cache HIT, found {x_cache:?}");
    }
    match (case.from_origin, from_origin) {
        (true, false) => bail!("expected the origin to be asked, it was not"),
        (false, true) => bail!("expected the origin not to be asked, it was"),
        _ => Ok(()),
    }
}

/// What is counted now.
pub fn before(stack: &Stack, case: &Case) -> Result<Before> {
    let evidence = match case.evidence {
        Some(evidence) => count(stack, evidence)?,
        None => 0,
    };
    Ok(Before { origin_requests: stack.origin.requests()?, evidence })
}

/// Whether what wrk saw, and what the counters have grown by, is what the case claims.
pub fn after(stack: &Stack, case: &Case, before: &Before, seen: &Seen, body_bytes: usize) -> Result<()> {
    ensure!(seen.requests > 0, "wrk got no answer");
    ensure!(seen.bad_statuses == 0, "{} of {} answers were not 2xx", seen.bad_statuses, seen.requests);
    ensure!(seen.errors == 0, "{} connections failed or timed out", seen.errors);
    let requests = seen.requests as f64;
    let (body, size) = (body_bytes as f64, seen.bytes as f64 / requests);
    // The last answers may have come in part.
    ensure!(
        (body * 0.95..body * 1.02 + HEAD_BYTES).contains(&size),
        "an answer had {size:.0} bytes, expected a body of {body} and a head of at most {HEAD_BYTES}"
    );
    let asked = (stack.origin.requests()? - before.origin_requests) as f64 / requests;
    if case.from_origin {
        ensure!(asked >= LEAST_SHARE, "the origin was asked {asked:.3} times a request, expected 1");
    } else {
        ensure!(asked <= 1.0 - LEAST_SHARE, "the origin was asked {asked:.3} times a request, expected 0");
    }
    let Some(evidence) = case.evidence else { return Ok(()) };
    let wanted = (requests * LEAST_SHARE) as u64;
    let mut counted = Ok(0);
    let enough = wait_until(UNTIL_COUNTED, || {
        counted = count(stack, evidence).map(|now| now.saturating_sub(before.evidence));
        counted.as_ref().map_or(true, |counted| *counted >= wanted)
    });
    let counted = counted?;
    let Evidence { counter, label, value } = evidence;
    ensure!(
        enough,
        "{counter}{{{label}={value:?}}} grew by {counted} with {} requests; all lookups: {:?}",
        seen.requests,
        stack.envoy.admin("GET", "/stats?filter=slipstream_cache_lookups_total&usedonly")
    );
    Ok(())
}

fn count(stack: &Stack, evidence: Evidence) -> Result<u64> {
    let text = stack.envoy.admin("GET", &format!("/stats/prometheus?filter={}", evidence.counter))?;
    sum(&text, evidence).with_context(|| format!("{} is not a number", evidence.counter))
}

/// The sum of the counter's series that have the label.
fn sum(text: &str, evidence: Evidence) -> Option<u64> {
    let label = format!("{}=\"{}\"", evidence.label, evidence.value);
    let series = text.lines().filter_map(|line| line.strip_prefix(evidence.counter)?.strip_prefix('{'));
    let values =
        series.filter_map(|rest| rest.split_once("} ")).filter(|(labels, _)| labels.contains(&label));
    values.map(|(_, value)| value.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_series_with_the_label_are_summed() {
        let text = "# TYPE hits_total counter\nhits_total{outcome=\"l1\",route=\"a\"} 5\nhits_total{outcome=\"l2\"} 70\n\
                    hits_total_more{outcome=\"l1\"} 900\nhits_total{outcome=\"l1\"} 4294967296\n";
        let evidence = Evidence { counter: "hits_total", label: "outcome", value: "l1" };
        assert_eq!(sum(text, evidence), Some(4_294_967_301));
        assert_eq!(sum("hits_total{outcome=\"l1\"} x", evidence), None);
        assert_eq!(sum("", evidence), Some(0));
    }
}
