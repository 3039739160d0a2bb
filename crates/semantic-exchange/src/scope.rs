//! Who shares answers with whom.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Asked;

/// The namespace of a question, as the companion takes it. What may be long or secret is a SHA-256 of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Whose question it is.
    pub tenant: String,
    /// The model.
    pub model: String,
    /// The system prompt and everything else that an answer may depend on.
    pub system: String,
    /// What was said before.
    pub history: String,
    /// Whether the answer is streamed.
    pub stream: bool,
}

/// What sets questions apart beside what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant<'a> {
    /// The name that the route gives its answers.
    pub namespace: Option<&'a str>,
    /// The route's name, its cluster and the authority, which stand in where it gives none.
    pub place: [&'a [u8]; 3],
    /// Names and values of the header fields that tell tenants, and of those that carry credentials unless the route shares
    /// its answers among them.
    pub fields: Vec<(&'a str, Vec<&'a [u8]>)>,
    /// Whether the user that the request names has answers of their own.
    pub by_user: bool,
}

impl Asked {
    /// The namespace of the question. With `either_form`, answers that came whole and as events are shared.
    pub fn scope(&self, tenant: &Tenant<'_>, either_form: bool) -> Scope {
        let user = if tenant.by_user { self.user.as_str() } else { "" };
        Scope {
            tenant: tenant.name(user),
            model: self.model.clone(),
            system: digest_of(&self.system),
            history: digest_of(&self.history),
            stream: self.stream && !either_form,
        }
    }
}

impl Tenant<'_> {
    /// Names of namespaces have no bracket in them, so that none looks like what is made here.
    fn name(&self, user: &str) -> String {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| json!([name, values.iter().map(|value| digest(value)).collect::<Vec<_>>()]))
            .collect();
        if let (Some(namespace), true, true) = (self.namespace, fields.is_empty(), user.is_empty()) {
            return namespace.to_owned();
        }
        let place = match self.namespace {
            Some(namespace) => json!(namespace),
            None => json!(self.place.map(String::from_utf8_lossy)),
        };
        json!([place, fields, digest_of(user)]).to_string()
    }
}

fn digest_of(text: &str) -> String {
    if text.is_empty() { String::new() } else { digest(text.as_bytes()) }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
