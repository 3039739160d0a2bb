//! Several of a stream's attributes in one question.

use crate::HostError;
use crate::abi;

/// An expression of the Common Expression Language over Envoy's attributes, compiled by Envoy. To evaluate one costs about as much as
/// asking for one property, however many attributes it reads.
#[derive(Debug)]
pub struct Expression {
    /// Envoy's number of it, as it wants it back.
    token: Vec<u8>,
}

impl Expression {
    /// Has Envoy compile an expression. Only a plugin can do that, when it is configured; an error says that Envoy was built without the
    /// language, or that there is a mistake in the expression, which Envoy's log tells at level `info`.
    pub fn new(source: &str) -> Result<Expression, HostError> {
        abi::call_foreign("expr_create", source.as_bytes()).map(|token| Expression { token })
    }

    /// What it comes to for the current stream: the bytes of a string. An error says that an attribute is not there.
    pub fn evaluate(&self) -> Result<Vec<u8>, HostError> {
        abi::call_foreign("expr_evaluate", &self.token)
    }
}

impl Drop for Expression {
    /// Envoy forgets it.
    fn drop(&mut self) {
        let _ = abi::call_foreign("expr_delete", &self.token);
    }
}
