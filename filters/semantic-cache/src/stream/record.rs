//! An answer of the service, on its way by.

use super::{Missed, Question, SemanticStream, State, announce};
use crate::companion::Ticket;
use crate::measures::Store;
use crate::plugin::SemanticCache;
use http_semantics::cache_control::{CacheControl, Scope as Of};
use http_semantics::{Fields, media_type};
use semantic_exchange::{Form, Recorder};
use slipstream_host::{Body, HeaderMap, Headers};
use std::rc::Rc;

/// An answer that is being recorded.
pub(super) struct Recording {
    question: Question,
    ticket: Ticket,
    recorder: Recorder,
    ttl_seconds: Option<u64>,
    /// What it counts for in the worker's sum.
    counted: usize,
}

impl Recording {
    /// Keeps the worker's sum in step with what is held; false if that is too much.
    fn settle(&mut self, plugin: &SemanticCache) -> bool {
        let held = self.recorder.bytes();
        let others = plugin.recording_bytes.get().saturating_sub(self.counted);
        self.counted = held;
        plugin.recording_bytes.set(others + held);
        (others + held) as u64 <= plugin.config.max_recording_bytes
    }

    /// Ends it without an answer.
    pub(super) fn give_up(self, plugin: &SemanticCache, reason: &str) {
        plugin.recording_bytes.set(plugin.recording_bytes.get().saturating_sub(self.counted));
        not_stored(plugin, &self.question, reason);
    }

    /// Stores the answer, if it is one to keep. Nobody waits for it.
    fn finish(self, plugin: &SemanticCache) {
        plugin.recording_bytes.set(plugin.recording_bytes.get().saturating_sub(self.counted));
        let Recording { question, ticket, recorder, ttl_seconds, .. } = self;
        let Some(policy) = question.policy() else { return };
        let answered = match recorder.finish(&policy.exchange, policy.needs_sources) {
            Ok(answered) => answered,
            Err(reason) => return not_stored(plugin, &question, reason.as_str()),
        };
        let sent = plugin.companion.borrow().store(
            &question.scope,
            &question.asked.question,
            &answered,
            ttl_seconds,
            &ticket,
            question.trace(),
        );
        if !sent {
            plugin.measures.borrow_mut().stored(Store::Failed);
        }
    }
}

fn not_stored(plugin: &SemanticCache, question: &Question, reason: &str) {
    plugin.measures.borrow_mut().not_stored(plugin.labels(&question.request.route), reason);
}

/// How an answer comes, and how long it may be kept; or why it is not recorded.
fn admit(response: &Headers, question: &Question) -> Result<(Form, Option<u64>), &'static str> {
    let policy = question.policy().ok_or("settings")?;
    if response.status() != Some(200) {
        return Err("status");
    }
    let says = CacheControl::parse(response);
    // Streams usually say no-cache, and mean the caches of browsers: it is no reason.
    if says.no_store {
        return Err("no-store");
    }
    if policy.shared && (says.private != Of::Absent || response.contains("set-cookie")) {
        return Err("private");
    }
    if response.first("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err("encoded");
    }
    let media_type = response.first("content-type").unwrap_or_default();
    let form = if media_type::is(media_type, "application/json") {
        Form::Whole
    } else if media_type::is(media_type, "text/event-stream") {
        Form::Events
    } else {
        return Err("media-type");
    };
    // What was asked for as events and came whole, or the other way round, is no form to answer the next one in.
    if (form == Form::Events) != question.asked.stream {
        return Err("other-form");
    }
    let said = says.s_maxage.or(says.max_age);
    let ttl = match (policy.ttl_seconds, said) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    Ok((form, ttl))
}

impl SemanticStream {
    /// The head of the service's answer is here.
    pub(super) fn receive(&mut self, missed: Missed, end_of_stream: bool) {
        let Missed { question, status, ticket } = missed;
        let plugin = Rc::clone(&self.plugin);
        let admitted =
            HeaderMap::Response.read().map_err(|_| "host").and_then(|head| admit(&head, &question));
        announce(&status);
        let Some(ticket) = ticket else { return };
        match (admitted, question.policy()) {
            (Ok(_), _) if end_of_stream => not_stored(&plugin, &question, "empty"),
            (Ok((form, ttl_seconds)), Some(policy)) => {
                let recorder = Recorder::new(&policy.exchange, form, plugin.config.max_answer_bytes as usize);
                let recording = Recording { question, ticket, recorder, ttl_seconds, counted: 0 };
                self.state = State::Recording(Box::new(recording));
            }
            (Err(reason), _) => not_stored(&plugin, &question, reason),
            (Ok(_), None) => {}
        }
    }

    /// A piece of it is here, or its end; it goes on to the client whatever becomes of the recording.
    pub(super) fn record(&mut self, size: usize, end_of_stream: bool) {
        let State::Recording(mut recording) = std::mem::replace(&mut self.state, State::Done) else { return };
        let plugin = Rc::clone(&self.plugin);
        if size > 0 {
            let Ok(piece) = Body::Response.read(size) else { return recording.give_up(&plugin, "host") };
            let takes = match recording.question.request.route.settings.as_ref() {
                Some(Some(policy)) => recording.recorder.take(&policy.exchange, &piece),
                _ => false,
            };
            if !takes {
                let reason = recording.recorder.reason().map_or("settings", |reason| reason.as_str());
                return recording.give_up(&plugin, reason);
            }
            if !recording.settle(&plugin) {
                return recording.give_up(&plugin, "busy");
            }
        }
        if end_of_stream {
            recording.finish(&plugin);
        } else {
            self.state = State::Recording(recording);
        }
    }
}
