//! Which fields decide.

/// Names of request fields, pseudo-header fields included, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecidingFields {
    names: Vec<Vec<u8>>,
    /// A bit for each length that a name has: most fields are passed over by their length alone.
    lengths: u64,
}

impl DecidingFields {
    /// These names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> DecidingFields {
        let mut fields = DecidingFields::default();
        for name in names {
            fields.add(name);
        }
        fields
    }

    /// Adds a name. False if it is there already.
    pub(crate) fn add(&mut self, name: &str) -> bool {
        if self.number(name.as_bytes()).is_some() {
            return false;
        }
        self.names.push(name.to_ascii_lowercase().into_bytes());
        self.lengths |= length_bit(name.len());
        true
    }

    /// The number of a name; none if it decides nothing.
    pub(crate) fn number(&self, name: &[u8]) -> Option<u32> {
        if self.lengths & length_bit(name.len()) == 0 {
            return None;
        }
        let mut numbered = (0..).zip(&self.names);
        numbered.find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| number)
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}
