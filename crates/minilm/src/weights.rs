//! The model's weights, from `model.safetensors`.

use safetensors::{Dtype, SafeTensors};

use crate::error::LoadError;
use crate::linear::Linear;
use crate::settings::Shape;

/// What becomes of a vector of hidden numbers after each half of a layer.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

/// One layer of the encoder.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Query, key and value, one after the other.
    pub(crate) attention_in: Linear,
    pub(crate) attention_out: Linear,
    pub(crate) attention_norm: Norm,
    pub(crate) widen: Linear,
    pub(crate) narrow: Linear,
    pub(crate) norm: Norm,
}

/// All weights.
#[derive(Debug)]
pub(crate) struct Weights {
    /// A row for each token of the vocabulary.
    pub(crate) words: Vec<f32>,
    /// A row for each place in a text; what all tokens of a single text have in common is added in.
    pub(crate) places: Vec<f32>,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
}

impl Weights {
    pub(crate) fn read(tensors: &SafeTensors<'_>, shape: &Shape, in_bytes: bool) -> Result<Self, LoadError> {
        let hidden = shape.hidden_size;
        let read = |name: &str, expected: &[usize]| numbers(tensors, name, expected);
        let norm = |name: &str| -> Result<Norm, LoadError> {
            Ok(Norm {
                scale: read(&format!("{name}.weight"), &[hidden])?,
                shift: read(&format!("{name}.bias"), &[hidden])?,
            })
        };
        let rows = |name: &str, outputs: usize, inputs: usize| -> Result<(Vec<f32>, Vec<f32>), LoadError> {
            Ok((
                read(&format!("{name}.weight"), &[outputs, inputs])?,
                read(&format!("{name}.bias"), &[outputs])?,
            ))
        };
        let linear = |name: &str, outputs: usize, inputs: usize| -> Result<Linear, LoadError> {
            let (weights, bias) = rows(name, outputs, inputs)?;
            Ok(Linear::new(&weights, bias, inputs, in_bytes))
        };
        let layer = |number: usize| -> Result<Layer, LoadError> {
            let name = |part: &str| format!("encoder.layer.{number}.{part}");
            let (mut weights, mut bias) = (Vec::new(), Vec::new());
            for part in ["query", "key", "value"] {
                let (w, b) = rows(&name(&format!("attention.self.{part}")), hidden, hidden)?;
                weights.extend(w);
                bias.extend(b);
            }
            Ok(Layer {
                attention_in: Linear::new(&weights, bias, hidden, in_bytes),
                attention_out: linear(&name("attention.output.dense"), hidden, hidden)?,
                attention_norm: norm(&name("attention.output.LayerNorm"))?,
                widen: linear(&name("intermediate.dense"), shape.intermediate_size, hidden)?,
                narrow: linear(&name("output.dense"), hidden, shape.intermediate_size)?,
                norm: norm(&name("output.LayerNorm"))?,
            })
        };
        let mut places =
            read("embeddings.position_embeddings.weight", &[shape.max_position_embeddings, hidden])?;
        let kinds = read("embeddings.token_type_embeddings.weight", &[2, hidden])?;
        for place in places.chunks_exact_mut(hidden) {
            place.iter_mut().zip(&kinds).for_each(|(place, kind)| *place += kind);
        }
        Ok(Self {
            words: read("embeddings.word_embeddings.weight", &[shape.vocab_size, hidden])?,
            places,
            norm: norm("embeddings.LayerNorm")?,
            layers: (0..shape.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
        })
    }
}

fn numbers(tensors: &SafeTensors<'_>, name: &str, expected: &[usize]) -> Result<Vec<f32>, LoadError> {
    let wrong = |reason: String| LoadError::Tensor { name: name.to_owned(), reason };
    let tensor = tensors.tensor(name).map_err(|error| wrong(error.to_string()))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(wrong(format!("of type {:?}, expected F32", tensor.dtype())));
    }
    if tensor.shape() != expected {
        return Err(wrong(format!("of shape {:?}, expected {expected:?}", tensor.shape())));
    }
    let (numbers, _) = tensor.data().as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(number) => Err(wrong(format!("holds {number}, expected finite numbers"))),
        None => Ok(numbers),
    }
}
