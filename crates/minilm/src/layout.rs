//! How weights and activations lie in memory for the kernels.

/// Outputs that are worked out together: what one register of 512 bits holds in f32.
pub(crate) const LANES: usize = 16;

/// The weights of 16 outputs for one input.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct FullBlock(pub(crate) [f32; LANES]);

/// The weights of 16 outputs for four inputs, each 128 too large so that they have no sign.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct ByteBlock(pub(crate) [u8; 4 * LANES]);

/// Inputs that share a scale, in weights of 8 bits as in activations: one large number spoils only its neighbours.
pub(crate) const GROUP: usize = 64;
