//! Whether a stored answer serves a new question.
//!
//! A [`Policy`] is handed a question and its nearest neighbours and says whether one of their answers may be given, has to be
//! verified first, or will not do. It starts with a fixed cosine. From the answers that the service gives to what was not
//! served, and to a small share of what would have been, it learns how often which neighbours' answers agree with the
//! service's own, and from then on serves what keeps the expected share of wrong answers within a budget.
//!
//! Nothing here knows a clock, a network or a source of chance; all are handed in.

mod answers;
mod bound;
mod features;
mod guards;
mod linear_map;
mod logistic;
mod policy;
mod text;

pub use answers::Answer;
pub use bound::upper_bound;
pub use features::{FEATURES, Features};
pub use guards::Guard;
pub use policy::{Estimate, Evidence, Fitted, Judgement, Neighbour, Policy, Refit, Settings, Verdict};
pub use text::Question;
