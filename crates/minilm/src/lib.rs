//! Sentence embeddings by all-MiniLM-L6-v2 (and BERT encoders of its shape) on the processor alone: no network, no
//! runtime beside it. Texts become vectors of length 1; the dot product of two of them is their cosine.
//!
//! The weights are quantised to 8 bits while they are loaded where the processor has AVX-512 VNNI; everywhere else, or
//! if [`Precision::Full`] is asked for, the encoder works in f32, by AVX-512, AVX2 or portable code. Which it is is found out
//! at run time.

mod encoder;
mod error;
mod kernels;
mod layout;
mod linear;
mod math;
mod model;
mod settings;
mod tokens;
mod weights;
mod worker;

pub use error::LoadError;
pub use kernels::Kernel;
pub use model::{Model, Precision, Scratch};
pub use tokens::{TokenError, Tokens};
pub use worker::{Limits, Priority, QueueFull, Worker};
