//! The fields of a message (its headers), whoever holds them.

/// The field lines of one message in their order (RFC 9110 §5). Names compare without regard to ASCII case.
///
/// Implemented for slices, arrays and vectors of `(name, value)`.
pub trait Fields {
    /// All field lines.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    /// The value of each line named `name`, in order.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        Fields::iter(self)
            .filter(move |(line, _)| line.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value of the first line named `name`. For fields that hold one value; lists need [`Fields::values`].
    fn first<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// Whether there is a line named `name`, be it empty.
    fn contains(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Fields for [(N, V)] {
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        <[_]>::iter(self).map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const COUNT: usize> Fields for [(N, V); COUNT] {
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Fields::iter(self.as_slice())
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Fields for Vec<(N, V)> {
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Fields::iter(self.as_slice())
    }
}

impl<F: Fields + ?Sized> Fields for &F {
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Fields::iter(*self)
    }
}
