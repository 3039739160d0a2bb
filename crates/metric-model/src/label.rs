//! Labels inside a metric's name: `NAME=.=VALUE;.;`.

/// Bytes of a label's value that are kept.
pub(crate) const MAX_VALUE_BYTES: usize = 128;

/// The value of every label of the set that takes what exceeds the cap.
pub(crate) const OTHER: &[u8] = b"other";

/// The bytes of a value that are told apart.
pub(crate) fn kept(value: &[u8]) -> &[u8] {
    value.get(..MAX_VALUE_BYTES).unwrap_or(value)
}

/// Appends a label to the start of a metric's name, its value made harmless.
///
/// Of the value, the first 128 bytes count; what is neither an ASCII letter or digit nor one of `_-./:` becomes
/// `_`, so that no value can end its label and begin another (`;.;d=.=e`). No bytes at all become `none`.
pub fn encode(name: &str, value: &[u8], to: &mut String) {
    to.push_str(name);
    to.push_str("=.=");
    if value.is_empty() {
        to.push_str("none");
    }
    to.extend(kept(value).iter().map(|&byte| if is_harmless(byte) { char::from(byte) } else { '_' }));
    to.push_str(";.;");
}

fn is_harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte)
}
