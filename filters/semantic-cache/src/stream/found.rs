//! What the companion has said of a question.

use super::{Missed, Question, SemanticStream, State};
use crate::companion::{Served, Ticket};
use crate::measures::Lookup;
use crate::status::Status;
use http_semantics::cache_control::Scope as Of;
use semantic_exchange::Hit;
use slipstream_host::{
    Action, CalloutError, CalloutResponse, HeaderBlock, HeaderMap, Moment, send_local_reply,
};
use std::rc::Rc;

const HIT_DETAILS: &str = "slipstream_semantic_hit";
const NOT_CACHED_DETAILS: &str = "slipstream_semantic_not_cached";

impl SemanticStream {
    /// Serves an answer, or lets the request go on to the service.
    pub(super) fn found(
        &mut self,
        question: Question,
        response: Result<CalloutResponse, CalloutError>,
    ) -> Action {
        let now_ms = Moment::now().ms();
        let found = self.plugin.companion.borrow_mut().looked_up(response, now_ms);
        let Some(found) = found else {
            return self.forward(question, Lookup::Failed, Status::Failed("companion"), None);
        };
        let similarity = found.similarity();
        if found.is_to_verify() {
            let (_, ticket) = found.split();
            return self.forward(question, Lookup::Verify, Status::Verify, Some(ticket));
        }
        let is_answered = found.is_answered();
        let (served, ticket) = found.split();
        let Some(served) = served else {
            let outcome = if is_answered { Lookup::Damaged } else { Lookup::Miss };
            return self.forward(
                question,
                outcome,
                Status::Miss { similarity: Some(similarity) },
                Some(ticket),
            );
        };
        let wants = &question.request.wants;
        if wants.no_cache != Of::Absent || wants.max_age.is_some_and(|age| served.age_seconds > age) {
            return self.forward(question, Lookup::Forced, Status::Forced, Some(ticket));
        }
        if self.serve(&question, &served, similarity) {
            return Action::Pause;
        }
        // The host has refused the reply.
        self.forward(question, Lookup::Damaged, Status::Miss { similarity: Some(similarity) }, Some(ticket))
    }

    fn serve(&mut self, question: &Question, served: &Served, similarity: f64) -> bool {
        let Some(policy) = question.policy() else { return false };
        let asked = &question.asked;
        let hit =
            Hit { answer: &served.answer, similarity, stream: asked.stream, wants_usage: asked.wants_usage };
        let (media_type, body) = served.record.replay(&policy.exchange, &hit);
        let (status, age) = (Status::Hit { similarity }.value(), served.age_seconds.to_string());
        let mut fields = vec![("content-type", media_type), ("cache-status", &status), ("age", &age)];
        if asked.stream {
            fields.push(("cache-control", "no-cache"));
        }
        if !reply(200, HIT_DETAILS, &fields, body.as_bytes()) {
            return false;
        }
        let mut measures = self.plugin.measures.borrow_mut();
        measures.looked_up(Lookup::Hit);
        let took = question.request.began.elapsed_ns();
        measures.hit(self.plugin.labels(&question.request.route), similarity, took);
        true
    }

    /// Has the service answer; its answer is stored by the ticket, if there is one.
    pub(super) fn forward(
        &mut self,
        question: Question,
        outcome: Lookup,
        status: Status,
        ticket: Option<Ticket>,
    ) -> Action {
        let plugin = Rc::clone(&self.plugin);
        let took = question.request.began.elapsed_ns();
        {
            let mut measures = plugin.measures.borrow_mut();
            measures.looked_up(outcome);
            measures.missed(plugin.labels(&question.request.route), took);
        }
        if question.request.wants.only_if_cached {
            // RFC 9111 §5.2.1.7.
            let value = status.value();
            let fields = [("content-type", "application/json"), ("cache-status", &value)];
            let body = br#"{"error":{"message":"no stored answer, and only-if-cached","type":"not_cached"}}"#;
            if reply(504, NOT_CACHED_DETAILS, &fields, body) {
                return Action::Pause;
            }
        }
        if ticket.is_some() {
            // An answer can be read, and replayed to anyone, only in the clear. One that comes encoded all the same is not stored.
            let _ = HeaderMap::Request.remove("accept-encoding");
        }
        self.state = State::Fetching(Box::new(Missed { question, status, ticket }));
        Action::Continue
    }
}

/// Answers the request; it passes through this filter's own response side, which then has nothing more to do.
fn reply(status: u16, details: &str, fields: &[(&str, &str)], body: &[u8]) -> bool {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    send_local_reply(status, details, &HeaderBlock::new(fields), body).is_ok()
}
