//! Whether a live endpoint keeps what Slipstream promises, seen as its clients see it: each promise is a check of its own.

mod answer;
mod client;
mod coding;
mod compression;
mod encoded;
mod report;
mod url;

pub(crate) use client::{Asker, authority, field};
pub(crate) use compression::compression;
pub(crate) use report::{Report, Verdict};
pub(crate) use url::Url;
