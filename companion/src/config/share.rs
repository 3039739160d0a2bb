//! A part of a whole.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number from 0 to 1, to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    const WHOLE: u32 = 1_000_000;

    /// So many thousandths; at most the whole.
    pub const fn per_mille(thousandths: u32) -> Self {
        Self(if thousandths > 1_000 { Self::WHOLE } else { thousandths * 1_000 })
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Number)
    }
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 1, such as 0.95")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Share, E> {
        if (0.0..=1.0).contains(&number) {
            Ok(Share((number * f64::from(Share::WHOLE)).round() as u32))
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Share, E> {
        match number {
            0 => Ok(Share(0)),
            1 => Ok(Share(Share::WHOLE)),
            other => Err(E::invalid_value(Unexpected::Signed(other), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Share, E> {
        i64::try_from(number)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            .and_then(|number| self.visit_i64(number))
    }
}
