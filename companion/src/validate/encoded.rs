//! What has to be true of an answer that is encoded.

use hyper::StatusCode;

use super::answer::Answer;
use super::coding::Coding;
use super::report::{Finding, Report};

/// What the encoded answers are compared with.
pub(super) struct Subject {
    /// The resource as it is.
    pub identity: Answer,
    /// Two requests for it got different bytes.
    pub changes: bool,
}

impl Subject {
    fn size(&self) -> usize {
        self.identity.body.len()
    }

    /// A finding that something does not fit to the identity answer, unless nothing can.
    fn differs(&self, seen: impl Into<String>, why: impl Into<String>) -> Finding {
        if self.changes {
            Finding::skip(seen, "the resource changes between two requests; name one that does not")
        } else {
            Finding::fail(seen, why)
        }
    }
}

/// An answer in a coding that was asked for alone.
pub(super) struct Encoded {
    pub coding: Coding,
    pub answer: Answer,
    /// The answer to the same request by HEAD.
    pub head: Result<Answer, String>,
}

impl Encoded {
    /// Adds all checks of it.
    pub(super) fn judge(&self, subject: &Subject, earlier: &[Self], report: &mut Report) {
        let answer = &self.answer;
        for (check, finding) in [
            ("body", self.body(subject)),
            ("Content-Length", length(answer)),
            ("Vary", vary(answer)),
            ("X-Original-Size", original_size(answer, subject)),
            ("X-Compression-Ratio", ratio(answer, subject)),
            ("ETag", self.etag(subject, earlier)),
            ("HEAD", self.head()),
        ] {
            report.add(format!("{}: {check}", self.coding.name()), finding);
        }
    }

    fn body(&self, subject: &Subject) -> Finding {
        let identity = &subject.identity.body;
        let decoded = match self.coding.decode(&self.answer.body, identity.len()) {
            Ok(decoded) => decoded,
            Err(why) => return Finding::fail(format!("{} bytes", self.answer.body.len()), why),
        };
        if decoded == *identity {
            return Finding::pass(format!("decodes to the same {} bytes", decoded.len()));
        }
        let more = if decoded.len() > identity.len() { "more than " } else { "" };
        let seen = format!("decodes to {more}{} bytes", decoded.len().min(identity.len()));
        let same = decoded.iter().zip(identity.iter()).take_while(|(decoded, identity)| decoded == identity);
        let why = format!("expected {}; the same up to byte {}", identity.len(), same.count());
        subject.differs(seen, why)
    }

    /// Each coding has bytes of its own, so none may share a strong tag.
    fn etag(&self, subject: &Subject, earlier: &[Self]) -> Finding {
        let Some(tag) = self.answer.text("etag") else { return Finding::skip("none", "there is no ETag") };
        let others = earlier.iter().map(|other| (other.coding.name(), &other.answer));
        let mut others = others.chain([("identity", &subject.identity)]);
        match others.find(|(_, other)| self.answer.shares_a_strong_tag(other)) {
            Some((name, _)) => Finding::fail(tag, format!("{name} has the same strong tag but other bytes")),
            None => Finding::pass(tag),
        }
    }

    fn head(&self) -> Finding {
        let head = match &self.head {
            Ok(head) => head,
            Err(why) => return Finding::fail("no answer", why),
        };
        let codings = head.codings();
        let coding = if codings.is_empty() { "no Content-Encoding" } else { &codings };
        let seen = format!("{}, {coding}, Vary: {}", head.status.as_u16(), named(head));
        let mut vary = (head.members("vary"), self.answer.members("vary"));
        vary.0.sort();
        vary.1.sort();
        if head.surplus > 0 {
            Finding::fail(seen, "a body follows, and an answer to HEAD has none")
        } else if head.status != self.answer.status {
            Finding::fail(seen, format!("expected {} as of GET", self.answer.status.as_u16()))
        } else if vary.0 != vary.1 {
            Finding::fail(seen, format!("GET has Vary: {}", named(&self.answer)))
        } else if codings.is_empty() {
            // Who compresses on the way does not know whether it would be worth it: there is no body.
            let length = head.text("content-length");
            let is_other = length.is_some() && length != self.answer.text("content-length");
            let but = if is_other { ", but Content-Length, which is not GET's, should be too" } else { "" };
            Finding { why: format!("may be left out (RFC 9110 §9.3.2){but}"), ..Finding::pass(seen) }
        } else if codings != self.coding.name() {
            Finding::fail(seen, format!("GET has {}", self.coding.name()))
        } else {
            Finding::pass(seen)
        }
    }
}

/// Whether a coding that was asked for alone is offered, and what it saves.
pub(super) fn offer(coding: Coding, answer: &Result<Answer, String>, subject: &Subject) -> Finding {
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Finding::fail("no answer", why),
    };
    let codings = answer.codings();
    if answer.status != StatusCode::OK {
        Finding::fail(answer.summary(), "expected 200")
    } else if codings.is_empty() {
        Finding::skip(answer.summary(), "not offered")
    } else if codings != coding.name() {
        Finding::fail(answer.summary(), format!("only {} was asked for", coding.name()))
    } else {
        let (size, original) = (answer.body.len(), subject.size());
        let percent = saved(size, original);
        let bytes = original.saturating_sub(size);
        Finding::pass(format!("{size} of {original} bytes: {percent:.1} % ({bytes} bytes) saved"))
    }
}

/// Whether what came is as long as was said.
pub(super) fn length(answer: &Answer) -> Finding {
    let came = answer.body.len();
    let said = answer.text("content-length");
    let seen = match &said {
        Some(said) => format!("{said} said, {} came", came + answer.surplus),
        None => format!("{came} bytes, none said"),
    };
    if let Some(why) = &answer.cut {
        Finding::fail(seen, format!("the body ends early: {why}"))
    } else if answer.surplus > 0 {
        Finding::fail(seen, "bytes follow the answer's end")
    } else if said.is_none() {
        Finding::skip(seen, "there is no Content-Length")
    } else {
        // The client itself reads just as many.
        Finding::pass(seen)
    }
}

/// Whether Vary names Accept-Encoding.
pub(super) fn vary(answer: &Answer) -> Finding {
    if answer.varies() {
        Finding::pass(named(answer))
    } else {
        Finding::fail(named(answer), "must name Accept-Encoding, or caches give this answer to everyone")
    }
}

fn named(answer: &Answer) -> String {
    let names = answer.members("vary").join(", ");
    if names.is_empty() { "none".to_owned() } else { names }
}

fn original_size(answer: &Answer, subject: &Subject) -> Finding {
    match answer.original_size() {
        None => Finding::skip("none", "there is no X-Original-Size"),
        Some(size) if size == subject.size().to_string() => Finding::pass(size),
        Some(size) => subject.differs(size, format!("expected {}", subject.size())),
    }
}

fn ratio(answer: &Answer, subject: &Subject) -> Finding {
    /// One decimal is told; a little more, for binary fractions are not exact.
    const TOLERANCE: f64 = 0.1 + 1e-9;
    let Some(told) = answer.compression_ratio() else {
        return Finding::skip("none", "there is no X-Compression-Ratio");
    };
    let percent = saved(answer.body.len(), subject.size());
    match told.parse::<f64>() {
        Ok(number) if (number - percent).abs() <= TOLERANCE => Finding::pass(told),
        Ok(_) => subject.differs(told, format!("expected {percent:.1}, give or take 0.1")),
        Err(_) => Finding::fail(told, format!("not a number; expected {percent:.1}")),
    }
}

/// By how many percent `size` is less than `original`.
fn saved(size: usize, original: usize) -> f64 {
    if original == 0 { 0.0 } else { original.saturating_sub(size) as f64 * 100.0 / original as f64 }
}
