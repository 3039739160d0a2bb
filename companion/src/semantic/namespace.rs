//! Who shares answers with whom.

use std::collections::HashMap;

use semantic_index::Index;
use semantic_policy::Policy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What must be the same for two questions to share an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scope {
    /// Whose question it is: a tenant, a user, or nothing.
    pub(crate) tenant: String,
    /// The model that answers.
    pub(crate) model: String,
    /// The system prompt.
    pub(crate) system: String,
    /// What was said before.
    pub(crate) history: String,
    /// Whether the answer is streamed.
    pub(crate) stream: bool,
}

/// The name of a namespace. Texts may be long, and may be chosen to look like another's: each is hashed by itself.
pub(crate) fn scope_key(scope: &Scope) -> String {
    let texts = [&scope.tenant, &scope.model, &scope.system, &scope.history];
    digest(texts.map(String::as_str).iter(), &[u8::from(scope.stream)])
}

/// What tells these texts from any others.
pub(crate) fn fingerprint(texts: &[&str]) -> String {
    digest(texts.iter(), &[])
}

fn digest<'a>(texts: impl Iterator<Item = &'a &'a str>, rest: &[u8]) -> String {
    let mut all = Sha256::new();
    texts.for_each(|text| all.update(Sha256::digest(text.as_bytes())));
    all.update(rest);
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Questions that share answers.
#[derive(Debug)]
pub(super) struct Namespace {
    /// Whether its policy may take the memory to learn.
    pub(super) learns: bool,
    /// None where Redis is searched instead.
    pub(super) index: Option<Index>,
    pub(super) policy: Policy,
    /// Answers by the very text of their question.
    pub(super) exact: HashMap<String, u64>,
}
