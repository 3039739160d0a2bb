//! What can make nearly the same words another question. An embedding hardly sees any of it.

use std::fmt;

use crate::text::Question;

/// Pairs of words of which one means the other's opposite.
const OPPOSITES: [(&str, &str); 44] = [
    ("on", "off"),
    ("open", "close"),
    ("opened", "closed"),
    ("opening", "closing"),
    ("increase", "decrease"),
    ("raise", "lower"),
    ("enable", "disable"),
    ("enabled", "disabled"),
    ("lock", "unlock"),
    ("freeze", "unfreeze"),
    ("start", "stop"),
    ("begin", "end"),
    ("buy", "sell"),
    ("buying", "selling"),
    ("into", "from"),
    ("add", "remove"),
    ("accept", "decline"),
    ("accepted", "declined"),
    ("accept", "reject"),
    ("before", "after"),
    ("up", "down"),
    ("more", "less"),
    ("import", "export"),
    ("send", "receive"),
    ("sent", "received"),
    ("maximum", "minimum"),
    ("max", "min"),
    ("first", "last"),
    ("block", "unblock"),
    ("activate", "deactivate"),
    ("deposit", "withdraw"),
    ("deposit", "withdrawal"),
    ("hot", "cold"),
    ("arrival", "departure"),
    ("arrive", "depart"),
    ("high", "low"),
    ("higher", "lower"),
    ("upgrade", "downgrade"),
    ("install", "uninstall"),
    ("lost", "found"),
    ("incoming", "outgoing"),
    ("legal", "illegal"),
    ("allow", "forbid"),
    ("safe", "dangerous"),
];

/// A way in which two questions differ that their embeddings may hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// They hold different numbers.
    Numbers,
    /// They hold different days or months.
    Dates,
    /// They name different things.
    Entities,
    /// One denies what the other does not.
    Negation,
    /// One has a word and the other its opposite.
    Antonyms,
    /// The same words in another order.
    Order,
}

impl Guard {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Numbers, Self::Dates, Self::Entities, Self::Negation, Self::Antonyms, Self::Order];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Dates => "dates",
            Self::Entities => "entities",
            Self::Negation => "negation",
            Self::Antonyms => "antonyms",
            Self::Order => "order",
        }
    }

    /// The guards that see a difference.
    pub fn between(a: &Question, b: &Question) -> Vec<Self> {
        Self::ALL.into_iter().filter(|guard| guard.sees(a, b)).collect()
    }

    fn sees(self, a: &Question, b: &Question) -> bool {
        match self {
            Self::Numbers => a.numbers != b.numbers,
            Self::Dates => a.dates != b.dates,
            // What one writes in capitals and the other in lower case is the same.
            Self::Entities => {
                a.entities.difference(&b.set).next().is_some()
                    || b.entities.difference(&a.set).next().is_some()
            }
            Self::Negation => a.is_negated != b.is_negated,
            Self::Antonyms => {
                let apart = |word: &str, other: &str| {
                    a.set.contains(word)
                        && !b.set.contains(word)
                        && b.set.contains(other)
                        && !a.set.contains(other)
                };
                OPPOSITES.iter().any(|(one, other)| apart(one, other) || apart(other, one))
            }
            Self::Order => a.set == b.set && a.words != b.words,
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
