//! What clients ask of chat and RAG services over JSON, what these answer, whole or as events, and how to answer in their
//! place.
//!
//! [`ask`] reads a request's body, [`Recorder`] a response's, however it is cut into pieces, and [`Record::replay`] makes a
//! response of what was recorded. What is doubtful is not understood: the caller then leaves the request to the service.

mod ask;
mod json;
mod openai;
mod profile;
mod rag;
mod record;
mod recorder;
mod refusal;
mod scope;

pub use ask::{Asked, Unusable, ask};
pub use json::MAX_DEPTH;
pub use profile::{Exchange, InvalidPointer, Pointers, Profile};
pub use record::{Hit, Record};
pub use recorder::{Answered, Form, NotKept, Recorder};
pub use scope::{Scope, Tenant};
