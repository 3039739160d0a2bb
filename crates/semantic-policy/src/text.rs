//! What the guards look at in a question.

use std::collections::BTreeSet;

/// Words that turn a statement round, apostrophes left out.
const NEGATIONS: [&str; 24] = [
    "not", "no", "never", "without", "cannot", "cant", "dont", "doesnt", "didnt", "wont", "isnt", "arent",
    "wasnt", "werent", "havent", "hasnt", "hadnt", "couldnt", "shouldnt", "wouldnt", "unable", "none",
    "nobody", "nothing",
];

/// Names of months and days, and words that stand for a day.
const DATES: [&str; 34] = [
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "tomorrow",
    "yesterday",
    "noon",
    "midnight",
];

/// Numbers that are written as words.
const NUMBERS: [&str; 20] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty",
    "thirty", "forty", "fifty", "hundred", "thousand", "million", "half", "double",
];

/// A question, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// The words in their order, in lower case.
    pub(crate) words: Vec<String>,
    /// The same, each once.
    pub(crate) set: BTreeSet<String>,
    /// Numbers, in digits or words.
    pub(crate) numbers: BTreeSet<String>,
    /// Names of days and months.
    pub(crate) dates: BTreeSet<String>,
    /// Words in capitals that do not begin a sentence.
    pub(crate) entities: BTreeSet<String>,
    /// Whether it denies something an odd number of times.
    pub(crate) is_negated: bool,
}

impl Question {
    /// Takes a question apart. Of a long one, the first 2,000 characters count.
    pub fn new(text: &str) -> Self {
        let mut question = Self::default();
        let mut begins = true;
        let text: String = text.chars().take(2_000).filter(|sign| !matches!(sign, '\'' | '’')).collect();
        let mut negations = 0;
        for word in text.split_inclusive(|sign: char| !sign.is_alphanumeric()) {
            let plain = word.trim_end_matches(|sign: char| !sign.is_alphanumeric());
            let ends = word.ends_with(['.', '!', '?', '\n']);
            if plain.is_empty() {
                begins |= ends;
                continue;
            }
            let lower = plain.to_lowercase();
            if plain.chars().any(|sign| sign.is_ascii_digit()) || NUMBERS.contains(&lower.as_str()) {
                question.numbers.insert(lower.clone());
            } else if DATES.contains(&lower.as_str()) {
                question.dates.insert(lower.clone());
            } else if !begins && plain.chars().count() > 1 && plain.starts_with(char::is_uppercase) {
                question.entities.insert(lower.clone());
            }
            negations += u32::from(NEGATIONS.contains(&lower.as_str()));
            question.set.insert(lower.clone());
            question.words.push(lower);
            begins = ends;
        }
        question.is_negated = negations % 2 == 1;
        question
    }
}
