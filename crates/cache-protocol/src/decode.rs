//! Reading an envelope that may be damaged, cut short or foreign: every field is checked against the bytes that are
//! left, so no input panics or makes the reader allocate more than a small multiple of itself.

use std::fmt;

use invalidation::Position;

use crate::wire::{HEAD_BYTES, MAGIC, checksum};
use crate::{Entry, Summary, View};

/// Why bytes are no envelope of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes do not start as an envelope does: what they start with, zeros in place of missing bytes.
    Unknown {
        /// The first four bytes; the last is the version.
        found: [u8; 4],
    },
    /// The checksum differs: the envelope was damaged or cut short.
    Checksum {
        /// The checksum the envelope states.
        stated: u64,
        /// The checksum of what follows.
        computed: u64,
    },
    /// This field ends past the envelope's end, or states a length that no number holds.
    Field(&'static str),
    /// This field is no UTF-8.
    Text(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { found } => write!(
                f,
                "no envelope: starts with \"{}\", expected \"{}\"",
                found.escape_ascii(),
                MAGIC.escape_ascii()
            ),
            Self::Checksum { stated, computed } => {
                write!(f, "damaged envelope: checksum {computed:016x}, expected {stated:016x}")
            }
            Self::Field(name) => write!(f, "damaged envelope: field {name} does not fit into it"),
            Self::Text(name) => write!(f, "damaged envelope: field {name} is no UTF-8"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl Entry {
    /// The entry in an envelope.
    pub fn decode(envelope: &[u8]) -> Result<Self, DecodeError> {
        View::decode(envelope).map(|view| view.to_entry())
    }
}

impl<'a> View<'a> {
    /// The entry in an envelope, left where it lies.
    pub fn decode(envelope: &'a [u8]) -> Result<Self, DecodeError> {
        Reader::open(envelope)?.view()
    }

    /// The entry in an envelope of which only the start is there, down to its headers at least: its body is what is left of
    /// it. Nothing is verified.
    pub fn outline(start: &'a [u8]) -> Result<Self, DecodeError> {
        let payload = start.get(HEAD_BYTES..).filter(|_| start.starts_with(&MAGIC));
        Reader { rest: payload.ok_or(DecodeError::Field("checksum"))?, checksum: 0 }.view()
    }
}

/// What it takes to judge an envelope, without copying it. Its checksum is verified.
pub fn summary(envelope: &[u8]) -> Result<Summary<'_>, DecodeError> {
    let mut reader = Reader::open(envelope)?;
    let (position, key, tags) = (reader.position()?, reader.text("key")?, reader.tags()?);
    let response_time_ms = reader.number("response_time_ms")?;
    let initial_age_ms = reader.number("initial_age_ms")?;
    let freshness_lifetime_ms = reader.number("freshness_lifetime_ms")?;
    let left_ms = freshness_lifetime_ms.saturating_sub(initial_age_ms);
    let fresh_until_ms = response_time_ms.saturating_add(left_ms);
    Ok(Summary { key, position, tags, fresh_until_ms, checksum: reader.checksum })
}

/// The position that an envelope's first [`POSITION_END`] bytes state. They are believed: without the rest there is
/// nothing to verify them by.
pub fn stated_position(head: &[u8]) -> Option<Position> {
    let payload = head.strip_prefix(&MAGIC)?.get(size_of::<u64>()..)?;
    Reader { rest: payload, checksum: 0 }.position().ok()
}

/// What has not been read yet of an envelope whose checksum is right.
struct Reader<'a> {
    checksum: u64,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn open(envelope: &'a [u8]) -> Result<Self, DecodeError> {
        let Some((_, rest)) = envelope.split_first_chunk::<4>().filter(|(magic, _)| **magic == MAGIC) else {
            let mut found = [0; 4];
            found.iter_mut().zip(envelope).for_each(|(place, byte)| *place = *byte);
            return Err(DecodeError::Unknown { found });
        };
        let (stated, payload) = rest.split_first_chunk::<8>().ok_or(DecodeError::Field("checksum"))?;
        let (stated, computed) = (u64::from_le_bytes(*stated), checksum(payload));
        if stated != computed {
            return Err(DecodeError::Checksum { stated, computed });
        }
        Ok(Self { rest: payload, checksum: stated })
    }

    fn view(mut self) -> Result<View<'a>, DecodeError> {
        let (position, key, tags) = (self.position()?, self.text("key")?, self.tags()?);
        let response_time_ms = self.number("response_time_ms")?;
        let initial_age_ms = self.number("initial_age_ms")?;
        let freshness_lifetime_ms = self.number("freshness_lifetime_ms")?;
        let status = u16::from_le_bytes(self.array("status")?);
        let count = self.length("headers")?;
        let mut headers = Vec::with_capacity(self.room_for(count));
        for _ in 0..count {
            headers.push((self.bytes("headers")?, self.bytes("headers")?));
        }
        Ok(View {
            key,
            position,
            response_time_ms,
            initial_age_ms,
            freshness_lifetime_ms,
            status,
            tags,
            headers,
            body: self.rest,
        })
    }

    fn position(&mut self) -> Result<Position, DecodeError> {
        Ok(Position { epoch: self.number("position")?, seq: self.number("position")? })
    }

    fn tags(&mut self) -> Result<Vec<&'a str>, DecodeError> {
        let count = self.length("tags")?;
        let mut tags = Vec::with_capacity(self.room_for(count));
        for _ in 0..count {
            tags.push(self.text("tags")?);
        }
        Ok(tags)
    }

    fn number(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Field(field))?;
        self.rest = rest;
        Ok(*array)
    }

    fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| DecodeError::Text(field))
    }

    fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = self.length(field)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Field(field))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn length(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        let mut length: u64 = 0;
        // Nine times seven bits: no shift overflows, and nothing real is longer.
        for shift in (0..63).step_by(7) {
            let [byte] = self.array(field)?;
            length |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(length).map_err(|_| DecodeError::Field(field));
            }
        }
        Err(DecodeError::Field(field))
    }

    /// Items to reserve room for: every item takes a byte at least, and a count is not believed beyond that.
    fn room_for(&self, count: usize) -> usize {
        const BELIEVED: usize = 64;
        count.min(self.rest.len()).min(BELIEVED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// An envelope with a right checksum over a wrong payload, as only a faulty writer makes it.
    fn sealed(payload: &[u8]) -> Vec<u8> {
        [&MAGIC, &checksum(payload).to_le_bytes()[..], payload].concat()
    }

    #[test]
    fn every_length_is_checked_against_what_is_left() {
        const POSITION: [u8; 16] = [0; 16];
        const TIMES_AND_STATUS: [u8; 26] = [0; 26];
        let huge: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        for (parts, error) in [
            (vec![&POSITION[..9]], DecodeError::Field("position")),
            (vec![&POSITION], DecodeError::Field("key")),
            (vec![&POSITION, b"\x02a"], DecodeError::Field("key")),
            (vec![&POSITION, huge], DecodeError::Field("key")),
            (vec![&POSITION, &[0xff; 10]], DecodeError::Field("key")),
            (vec![&POSITION, b"\x02\xc3\x28"], DecodeError::Text("key")),
            (vec![&POSITION, b"\x01a", huge], DecodeError::Field("tags")),
            (vec![&POSITION, b"\x01a", b"\x02\x01t"], DecodeError::Field("tags")),
            (vec![&POSITION, b"\x01a", b"\x01\x01\xff"], DecodeError::Text("tags")),
            (vec![&POSITION, b"\x01a", b"\x00"], DecodeError::Field("response_time_ms")),
            (vec![&POSITION, b"\x01a", b"\x00", &[0; 25]], DecodeError::Field("status")),
            (vec![&POSITION, b"\x01a", b"\x00", &TIMES_AND_STATUS], DecodeError::Field("headers")),
            (vec![&POSITION, b"\x01a", b"\x00", &TIMES_AND_STATUS, huge], DecodeError::Field("headers")),
            (
                vec![&POSITION, b"\x01a", b"\x00", &TIMES_AND_STATUS, b"\x01\x01n\x02v"],
                DecodeError::Field("headers"),
            ),
        ] {
            assert_eq!(Entry::decode(&sealed(&parts.concat())), Err(error), "{parts:?}");
        }
        let least = [&POSITION[..], b"\x01a", b"\x00", &TIMES_AND_STATUS, b"\x00"].concat();
        assert_eq!(Entry::decode(&sealed(&least)).map(|entry| entry.key), Ok("a".to_owned()));
    }
}
