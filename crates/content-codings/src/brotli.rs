//! br.

use crate::{Broken, STREAM_WINDOW_BITS, Step};
use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};

/// A client needs as much memory as the window to decode (RFC 7932 §9.1 allows up to 24 bits).
const MAX_WINDOW_BITS: u32 = 22;

type State = BrotliEncoderStateStruct<StandardAlloc>;

/// The library has no way to use its memory again (1 to 2 MiB at level 5), so each body has a state of its own.
pub struct Brotli {
    level: u8,
    state: Option<Box<State>>,
}

impl Brotli {
    pub fn new(level: u8) -> Brotli {
        Brotli { level, state: None }
    }

    pub fn begin(&mut self, length: Option<usize>) {
        let mut state = Box::new(State::new(StandardAlloc::default()));
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, self.level.min(11).into());
        let window_bits = length.map_or(STREAM_WINDOW_BITS, whole_window_bits);
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, window_bits);
        if let Some(length) = length.and_then(|length| u32::try_from(length).ok()) {
            state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_SIZE_HINT, length);
        }
        self.state = Some(state);
    }

    pub fn encode(&mut self, piece: &[u8], step: Step, output: &mut Vec<u8>) -> Result<(), Broken> {
        let state = self.state.as_mut().ok_or(Broken)?;
        let operation = || match step {
            Step::Flush => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
            Step::Finish => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
        };
        let (mut left, mut taken) = (piece.len(), 0);
        loop {
            let went_on = state.compress_stream(
                operation(),
                &mut left,
                piece,
                &mut taken,
                &mut 0,
                &mut [],
                &mut 0,
                &mut None,
                &mut |_, _, _, _| (),
            );
            if !went_on {
                return Err(Broken);
            }
            let before = output.len();
            take_output(state, output);
            match step {
                Step::Flush if left == 0 && output.len() == before => return Ok(()),
                Step::Finish if state.is_finished() => {
                    // The memory is needed no more.
                    self.state = None;
                    return Ok(());
                }
                Step::Flush | Step::Finish => {}
            }
        }
    }
}

fn take_output(state: &mut State, output: &mut Vec<u8>) {
    while state.has_more_output() {
        let mut size = usize::MAX;
        let bytes = state.take_output(&mut size).get(..size);
        output.extend_from_slice(bytes.unwrap_or_default());
    }
}

/// The window for a body that is there as a whole: one that holds it. The library finds less in bodies that are longer than their
/// window than the C library does (41 % more bytes were seen).
fn whole_window_bits(length: usize) -> u32 {
    usize::BITS.saturating_sub(length.leading_zeros()).clamp(STREAM_WINDOW_BITS, MAX_WINDOW_BITS)
}
