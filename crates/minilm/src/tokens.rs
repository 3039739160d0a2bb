//! From text to the numbers of tokens.

use std::fmt;
use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use crate::error::LoadError;

/// The longest text that is looked at, in bytes for each token that counts: no token of a vocabulary is longer, so what
/// lies beyond could not be seen anyway, unless it is space.
const BYTES_PER_TOKEN: usize = 128;

/// The tokens of one text, marks at the start and end included; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens(Vec<u32>);

/// Why a text or a list of tokens cannot be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// A token's number is not in the vocabulary.
    Unknown {
        /// The number.
        token: u32,
        /// How many tokens there are; the numbers are below it.
        vocabulary: usize,
    },
    /// There are none.
    Empty,
    /// The tokenizer failed.
    Tokenizer(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { token, vocabulary } => {
                write!(
                    f,
                    "token {token} is not in the vocabulary, expected 0 to {}",
                    vocabulary.saturating_sub(1)
                )
            }
            Self::Empty => f.write_str("no tokens, expected at least one"),
            Self::Tokenizer(reason) => write!(f, "the text cannot be cut into tokens: {reason}"),
        }
    }
}

impl std::error::Error for TokenError {}

impl Tokens {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Their numbers in the model's vocabulary.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }
}

/// Cuts texts into tokens.
#[derive(Debug)]
pub(crate) struct Cutter {
    tokenizer: Tokenizer,
    vocabulary: usize,
    max_tokens: usize,
}

impl Cutter {
    pub(crate) fn load(folder: &Path, vocabulary: usize, max_tokens: usize) -> Result<Self, LoadError> {
        let path = folder.join("tokenizer.json");
        let malformed =
            |error: tokenizers::Error| LoadError::Malformed { path: path.clone(), reason: error.to_string() };
        let text = std::fs::read(&path)
            .map_err(|error| LoadError::Unreadable { path: path.clone(), reason: error.to_string() })?;
        let mut tokenizer = Tokenizer::from_bytes(text).map_err(malformed)?;
        let cut = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_padding(None).with_truncation(Some(cut)).map_err(malformed)?;
        Ok(Self { tokenizer, vocabulary, max_tokens })
    }

    /// The tokens of a text; what is too long is cut.
    pub(crate) fn cut(&self, text: &str) -> Result<Tokens, TokenError> {
        let end = text.floor_char_boundary(self.max_tokens.saturating_mul(BYTES_PER_TOKEN));
        let text = text.get(..end).unwrap_or(text);
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| TokenError::Tokenizer(error.to_string()))?;
        self.check(encoding.get_ids().to_vec())
    }

    /// Tokens that came as numbers.
    pub(crate) fn check(&self, mut numbers: Vec<u32>) -> Result<Tokens, TokenError> {
        numbers.truncate(self.max_tokens);
        if numbers.is_empty() {
            return Err(TokenError::Empty);
        }
        match numbers
            .iter()
            .find(|token| usize::try_from(**token).is_ok_and(|token| token >= self.vocabulary))
        {
            Some(token) => Err(TokenError::Unknown { token: *token, vocabulary: self.vocabulary }),
            None => Ok(Tokens(numbers)),
        }
    }
}
