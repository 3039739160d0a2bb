//! Writing an envelope.

use crate::Entry;
use crate::wire::{HEAD_BYTES, MAGIC, checksum};

/// Room for the head and the fixed numbers.
const FIXED_BYTES: usize = HEAD_BYTES + 64;
/// The longest LEB128 number that occurs in practice (a length below 2 MiB).
const LENGTH_BYTES: usize = 3;

impl Entry {
    /// The entry's envelope.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.size_hint());
        // The head's place, filled in when the checksum is known.
        payload.resize(HEAD_BYTES, 0);
        self.write_payload(&mut payload);
        let checksum = checksum(payload.get(HEAD_BYTES..).unwrap_or_default()).to_le_bytes();
        for (place, byte) in payload.iter_mut().zip(MAGIC.into_iter().chain(checksum)) {
            *place = byte;
        }
        payload
    }

    fn write_payload(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.position.epoch.to_le_bytes());
        out.extend_from_slice(&self.position.seq.to_le_bytes());
        write_bytes(out, self.key.as_bytes());
        write_length(out, self.tags.len());
        for tag in &self.tags {
            write_bytes(out, tag.as_bytes());
        }
        out.extend_from_slice(&self.response_time_ms.to_le_bytes());
        out.extend_from_slice(&self.initial_age_ms.to_le_bytes());
        out.extend_from_slice(&self.freshness_lifetime_ms.to_le_bytes());
        out.extend_from_slice(&self.status.to_le_bytes());
        write_length(out, self.headers.len());
        for (name, value) in &self.headers {
            write_bytes(out, name);
            write_bytes(out, value);
        }
        out.extend_from_slice(&self.body);
    }

    fn size_hint(&self) -> usize {
        let tags: usize = self.tags.iter().map(|tag| tag.len() + LENGTH_BYTES).sum();
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len() + 2 * LENGTH_BYTES).sum();
        FIXED_BYTES + self.key.len() + tags + headers + self.body.len()
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(low_seven_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_seven_bits(rest));
}

fn low_seven_bits(number: usize) -> u8 {
    // Lossless: seven bits fit.
    (number & 0x7f) as u8
}
