//! Why a model cannot be loaded.

use std::fmt;
use std::path::PathBuf;

/// Why a model cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// A file of the model cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file of the model is not what it should be.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor is missing or has another shape or type than the settings of the model say.
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model's settings describe an encoder that this crate cannot run.
    Unsupported {
        /// The setting in `config.json`.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The kernel that was asked for needs instructions that this processor does not have.
    NoSuchInstructions {
        /// The kernel's name.
        kernel: &'static str,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => write!(f, "cannot read {}: {reason}", path.display()),
            Self::Malformed { path, reason } => {
                write!(f, "{} is no part of a model: {reason}", path.display())
            }
            Self::Tensor { name, reason } => write!(f, "tensor {name} of model.safetensors: {reason}"),
            Self::Unsupported { setting, value, expected } => {
                write!(f, "{setting} of config.json is {value}, expected {expected}")
            }
            Self::NoSuchInstructions { kernel } => {
                write!(f, "this processor lacks the instructions of the kernel {kernel}")
            }
        }
    }
}

impl std::error::Error for LoadError {}
