//! Whether an endpoint compresses what it should, how it should, and for whom it should.

use compression_policy::{ContentTypes, OPT_OUT};
use hyper::{Method, StatusCode};

use super::answer::Answer;
use super::client::Asker;
use super::coding::Coding;
use super::encoded::{self, Encoded, Subject};
use super::report::{Finding, Report};
use super::url::Url;

/// The shipped `min_bytes`: smaller bodies gain nothing.
const MIN_BYTES: usize = 1_024;
/// The shipped `max_bytes`.
const MAX_BYTES: usize = 1 << 20;
const ALL: &str = "gzip, br, zstd, deflate";

/// Asks for a resource in all ways, and for a small one if there is one. An error says why nothing can be compared.
pub(crate) async fn compression(asker: &Asker, url: &Url, small: Option<&Url>) -> Result<Report, String> {
    let get = async |accept| asker.ask(Method::GET, url, &[("accept-encoding", accept)]).await;
    let identity = get("identity").await.map_err(|why| format!("no answer from {url}: {why}"))?;
    if identity.status != StatusCode::OK {
        let status = identity.status;
        return Err(format!(
            "{url} answers {status}, expected 200; another URL, --host or --header may help"
        ));
    }
    let mut report = Report::new(url.to_string());
    report.add("identity", as_it_is(&identity));
    report.add("identity: Content-Length", encoded::length(&identity));
    report.add("no Accept-Encoding", judged(asker.ask(Method::GET, url, &[]).await, as_it_is));

    let mut answers = Vec::new();
    for coding in Coding::ALL {
        answers.push((coding, get(coding.name()).await));
    }
    // Past the caches: what they keep would hide that the resource changes.
    let fields = [("accept-encoding", "identity"), ("cache-control", "no-cache")];
    let again = asker.ask(Method::GET, url, &fields).await;
    let is_other = |again: Answer| again.status == StatusCode::OK && again.body != identity.body;
    let subject = Subject { changes: again.is_ok_and(is_other), identity };

    let mut offered: Vec<Encoded> = Vec::new();
    for (coding, answer) in answers {
        report.add(coding.name(), encoded::offer(coding, &answer, &subject));
        let is_it = |answer: &Answer| answer.status == StatusCode::OK && answer.codings() == coding.name();
        if let Some(answer) = answer.ok().filter(is_it) {
            let head = asker.ask(Method::HEAD, url, &[("accept-encoding", coding.name())]).await;
            let one = Encoded { coding, answer, head };
            one.judge(&subject, &offered, &mut report);
            offered.push(one);
        }
    }
    report.add("any coding", any(&offered, &subject.identity));
    report.add("identity: Vary", varies(&offered, &subject.identity));

    let fields = [("accept-encoding", ALL), (OPT_OUT, "1")];
    let opted_out = judged(asker.ask(Method::GET, url, &fields).await, as_it_is);
    report.add(OPT_OUT, if_offered(!offered.is_empty(), opted_out));
    let gzip = offered.iter().any(|one| one.coding == Coding::Gzip);
    let refused = judged(get("gzip;q=0").await, as_it_is);
    report.add("gzip;q=0", if_offered(gzip, refused));
    let wanted = judged(get("identity;q=0, gzip").await, in_gzip);
    report.add("identity;q=0, gzip", if gzip { wanted } else { not_offered(wanted.seen) });
    report.add("small", small_one(asker, small).await);
    Ok(report)
}

fn judged(answer: Result<Answer, String>, judge: fn(&Answer) -> Finding) -> Finding {
    match answer {
        Ok(answer) if answer.status != StatusCode::OK => Finding::fail(answer.summary(), "expected 200"),
        Ok(answer) => judge(&answer),
        Err(why) => Finding::fail("no answer", why),
    }
}

fn as_it_is(answer: &Answer) -> Finding {
    if answer.codings().is_empty() {
        Finding::pass(answer.summary())
    } else {
        Finding::fail(answer.summary(), "must come as it is")
    }
}

fn in_gzip(answer: &Answer) -> Finding {
    if answer.codings() == Coding::Gzip.name() {
        Finding::pass(answer.summary())
    } else {
        Finding::fail(answer.summary(), "must come in gzip, which is all that the request accepts")
    }
}

/// What is never compressed keeps this promise without showing it.
fn if_offered(offered: bool, finding: Finding) -> Finding {
    if offered || finding.verdict == super::Verdict::Fail { finding } else { not_offered(finding.seen) }
}

fn not_offered(seen: String) -> Finding {
    Finding::skip(seen, "shows nothing where the coding is not offered")
}

fn any(offered: &[Encoded], identity: &Answer) -> Finding {
    let names: Vec<&str> = offered.iter().map(|one| one.coding.name()).collect();
    if !names.is_empty() {
        return Finding::pass(names.join(", "));
    }
    let content_type = String::from_utf8_lossy(identity.content_type());
    let seen = format!("none for {} bytes of {content_type:?}", identity.body.len());
    if identity.body.len() < MIN_BYTES {
        Finding::skip(
            seen,
            format!("nothing has to be offered below {MIN_BYTES} bytes; name a larger resource"),
        )
    } else if !ContentTypes::default().contains(identity.content_type()) {
        Finding::skip(seen, "nothing has to be offered for this type; name one of text")
    } else if identity.members("cache-control").iter().any(|directive| directive == "no-transform") {
        Finding::skip(seen, "the service forbids it by Cache-Control: no-transform")
    } else if identity.fields.contains_key(OPT_OUT) {
        Finding::skip(seen, format!("the service forbids it by {OPT_OUT}"))
    } else if identity.body.len() > MAX_BYTES {
        Finding::fail(
            seen,
            format!("max_bytes is {MAX_BYTES} unless it is set; see whether it has to be more"),
        )
    } else {
        Finding::fail(seen, "at least one is expected; see whether the filter is on for this route")
    }
}

fn varies(offered: &[Encoded], identity: &Answer) -> Finding {
    if offered.is_empty() {
        not_offered(identity.members("vary").join(", "))
    } else {
        encoded::vary(identity)
    }
}

async fn small_one(asker: &Asker, url: Option<&Url>) -> Finding {
    let Some(url) = url else {
        return Finding::skip("", format!("--small URL names a resource below {MIN_BYTES} bytes"));
    };
    let get = async |accept| asker.ask(Method::GET, url, &[("accept-encoding", accept)]).await;
    let identity = match get("identity").await {
        Ok(identity) if identity.status == StatusCode::OK => identity,
        other => return judged(other, as_it_is),
    };
    if identity.body.len() >= MIN_BYTES {
        let why = format!("not below {MIN_BYTES} bytes; --small wants a smaller resource");
        return Finding::skip(identity.summary(), why);
    }
    judged(get(ALL).await, as_it_is)
}
