//! A model that has been loaded.

use std::fmt;
use std::path::Path;

use safetensors::SafeTensors;
use xxhash_rust::xxh3::xxh3_64;

use crate::encoder::Buffers;
use crate::error::LoadError;
use crate::kernels::Kernel;
use crate::settings::{Shape, max_tokens};
use crate::tokens::{Cutter, TokenError, Tokens};
use crate::weights::Weights;

/// How exact the encoder is to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 8 bits where the processor has VNNI, f32 elsewhere.
    #[default]
    Fast,
    /// f32.
    Full,
}

/// A model that has been loaded; it can be used by many threads at a time.
pub struct Model {
    shape: Shape,
    weights: Weights,
    cutter: Cutter,
    kernel: Kernel,
    id: String,
}

/// Memory that a thread uses again for each batch.
#[derive(Debug, Default)]
pub struct Scratch(Buffers);

impl fmt::Debug for Model {
    /// Without the weights.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("id", &self.id).field("kernel", &self.kernel).finish_non_exhaustive()
    }
}

impl Model {
    /// Loads the model in a folder that holds `model.safetensors`, `tokenizer.json`, `config.json` and
    /// `sentence_bert_config.json`, with the fastest kernel there is for this precision.
    pub fn load(folder: &Path, precision: Precision) -> Result<Self, LoadError> {
        let fits =
            |kernel: &Kernel| kernel.is_there() && (precision == Precision::Fast || !kernel.in_bytes());
        let kernel = Kernel::ALL.into_iter().rev().find(fits).unwrap_or(Kernel::Portable);
        Self::load_with(folder, kernel)
    }

    /// Loads the model with one kernel.
    pub fn load_with(folder: &Path, kernel: Kernel) -> Result<Self, LoadError> {
        if !kernel.is_there() {
            return Err(LoadError::NoSuchInstructions { kernel: kernel.name() });
        }
        let shape = Shape::read(folder)?;
        let cutter = Cutter::load(folder, shape.vocab_size, max_tokens(folder, &shape)?)?;
        let path = folder.join("model.safetensors");
        let file = std::fs::read(&path)
            .map_err(|error| LoadError::Unreadable { path: path.clone(), reason: error.to_string() })?;
        let tensors = SafeTensors::deserialize(&file)
            .map_err(|error| LoadError::Malformed { path: path.clone(), reason: error.to_string() })?;
        let weights = Weights::read(&tensors, &shape, kernel.in_bytes())?;
        let id = format!("minilm-{:016x}", xxh3_64(&file));
        Ok(Self { shape, weights, cutter, kernel, id })
    }

    /// What tells this model's embeddings from another's: a name and a checksum of the weights. Kernels do not matter.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which instructions it uses.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// How many numbers an embedding has.
    pub fn dimensions(&self) -> usize {
        self.shape.hidden_size
    }

    /// The tokens of a text. What does not fit into the model is cut off.
    pub fn tokens(&self, text: &str) -> Result<Tokens, TokenError> {
        self.cutter.cut(text)
    }

    /// Tokens that come as numbers of the model's vocabulary, marks at the start and end included.
    pub fn tokens_from(&self, numbers: Vec<u32>) -> Result<Tokens, TokenError> {
        self.cutter.check(numbers)
    }

    /// The embeddings of these texts, each of length 1, in their order.
    pub fn embed(&self, texts: &[&Tokens], scratch: &mut Scratch) -> Vec<Vec<f32>> {
        self.kernel.encode(&self.weights, &self.shape, texts, &mut scratch.0)
    }
}
