//! The wire form of a list of pairs between host and VM: a count, the lengths, then names and values, each
//! followed by NUL; all numbers are 32 bits, little-endian.

/// Writes pairs.
pub fn encode<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let mut count = 0_u32;
    let mut size = 4;
    for (name, value) in pairs.clone() {
        count += 1;
        size += name.len() + value.len() + 10;
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&count.to_le_bytes());
    for (name, value) in pairs.clone() {
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

/// Reads pairs where they lie. Stops at the first that does not fit into `bytes`.
pub fn decode(bytes: &[u8]) -> Pairs<'_> {
    let count = read_u32(bytes, 0).unwrap_or(0) as usize;
    let data = count.checked_mul(8).and_then(|lengths| lengths.checked_add(4)).unwrap_or(usize::MAX);
    Pairs { bytes, lengths: 4, data, left: count }
}

/// Iterator over encoded pairs.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    bytes: &'a [u8],
    lengths: usize,
    data: usize,
    left: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name_len = read_u32(self.bytes, self.lengths)? as usize;
        let value_len = read_u32(self.bytes, self.lengths + 4)? as usize;
        let name_end = self.data.checked_add(name_len)?;
        let value_start = name_end.checked_add(1)?;
        let value_end = value_start.checked_add(value_len)?;
        let pair = (self.bytes.get(self.data..name_end)?, self.bytes.get(value_start..value_end)?);
        self.lengths += 8;
        self.data = value_end.checked_add(1)?;
        Some(pair)
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let pairs: Vec<(&[u8], &[u8])> = vec![(b"a", b"1"), (b"", b""), (b"bytes", &[0xff, 0, 0x80])];
        let encoded = encode(pairs.iter().copied());
        assert_eq!(decode(&encoded).collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn no_truncation_panics() {
        let pairs: Vec<(&[u8], &[u8])> = vec![(b"name", b"value"), (b"other", b"thing")];
        let encoded = encode(pairs.iter().copied());
        for end in 0..encoded.len() {
            assert!(decode(&encoded[..end]).count() <= 2);
        }
    }

    #[test]
    fn absurd_lengths_end_the_list() {
        assert_eq!(decode(&[0xff; 64]).count(), 0);
    }
}
