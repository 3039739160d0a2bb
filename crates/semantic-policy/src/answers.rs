//! Whether two answers say the same. Free text never agrees to the letter.

use std::collections::BTreeSet;

use crate::linear_map::Maps;

/// Words are told apart by so many numbers, so that the table of their frequencies is bounded.
const TERMS: usize = 4_096;
/// Of a long answer, so many different words count.
const MAX_TERMS: usize = 256;
/// Two answers agree from here on. The three views below are each about 0.4 for unrelated answers with the same turns of
/// phrase and 0.8 for the same content in other words.
pub(crate) const AGREEMENT: f32 = 0.61;
/// Around it, agreement is a matter of degree.
const DOUBT: f32 = 0.08;
/// An answer of which so much (by how much its words tell) stands in its question says little of its own, such as "I am not sure
/// about …".
const ECHO: f32 = 0.7;
/// What is taken off the words that two such answers share: they agree from 0.86 on, which is when little else than their
/// closings differ.
const ECHO_PENALTY: f32 = 0.25;
/// What sources and numbers that have nothing in common take off.
const CONTRADICTION: f32 = 0.08;

/// An answer, in the forms in which answers are compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Its embedding, of length 1.
    pub(crate) embedding: Vec<f32>,
    /// Its words, as numbers below [`TERMS`], ascending.
    terms: Vec<u16>,
    /// Those of them that its question has too.
    echoed: Vec<u16>,
    /// The numbers in it, hashed.
    numbers: BTreeSet<u64>,
    /// Those of them that its question has too.
    echoed_numbers: BTreeSet<u64>,
    /// The documents it was made from, hashed.
    sources: BTreeSet<u64>,
    /// The question it seems to be for, by the maps of a fit.
    implied: Option<(u64, Vec<f32>, Vec<f32>)>,
}

impl Answer {
    /// The answer to a question: its text, its embedding of length 1, and the documents that it was made from, if they are known.
    pub fn new<'a>(
        question: &str,
        text: &str,
        embedding: Vec<f32>,
        sources: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let (lower, asked) = (text.to_lowercase(), question.to_lowercase());
        let terms = |text: &str| -> BTreeSet<u16> { words(text).map(term).take(4 * MAX_TERMS).collect() };
        let (terms, asked_terms) = (terms(&lower), terms(&asked));
        let terms: Vec<u16> = terms.into_iter().take(MAX_TERMS).collect();
        let numbers = |text: &str| -> BTreeSet<u64> {
            let has_digit = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
            words(text).filter(has_digit).map(hash).take(64).collect()
        };
        let (numbers, asked_numbers) = (numbers(&lower), numbers(&asked));
        Self {
            embedding,
            echoed: terms.iter().filter(|term| asked_terms.contains(term)).copied().collect(),
            terms,
            echoed_numbers: numbers.intersection(&asked_numbers).copied().collect(),
            numbers,
            sources: sources.into_iter().map(hash).take(64).collect(),
            implied: None,
        }
    }

    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        // The embedding, and the two that are derived from it.
        self.embedding.len() * 12
            + (self.terms.len() + self.echoed.len()) * 2
            + (self.numbers.len() + self.echoed_numbers.len() + self.sources.len()) * 16
            + 128
    }

    /// Derives what the maps say of it, if that is not done.
    pub(crate) fn refresh(&mut self, version: u64, maps: Option<&Maps>) {
        let Some(maps) = maps else { return };
        if self.implied.as_ref().is_none_or(|(seen, ..)| *seen != version) {
            let (question, centred) =
                (maps.implied_question(&self.embedding), maps.centred_answer(&self.embedding));
            self.implied = Some((version, question, centred));
        }
    }

    /// Its direction from the mean of all answers.
    pub(crate) fn centred(&self) -> Option<&[f32]> {
        self.implied.as_ref().map(|(_, _, centred)| centred.as_slice())
    }
}

/// What is known of the words of answers.
#[derive(Debug, Clone)]
pub(crate) struct Comparator {
    answers: u32,
    frequencies: Vec<u32>,
    /// Squares of how much each word tells.
    weights: Vec<f32>,
}

impl Comparator {
    pub(crate) fn new() -> Self {
        Self { answers: 0, frequencies: vec![0; TERMS], weights: vec![1.0; TERMS] }
    }

    /// Counts an answer's words.
    pub(crate) fn add(&mut self, answer: &Answer) {
        self.answers = self.answers.saturating_add(1);
        for term in &answer.terms {
            if let Some(frequency) = self.frequencies.get_mut(usize::from(*term)) {
                *frequency = frequency.saturating_add(1);
            }
        }
        if self.answers.is_multiple_of(128) {
            self.reweigh();
        }
    }

    /// How much each word tells: rare ones more.
    fn reweigh(&mut self) {
        let answers = self.answers as f32 + 1.0;
        for (weight, frequency) in self.weights.iter_mut().zip(&self.frequencies) {
            *weight = (answers / (*frequency as f32 + 0.5)).ln().max(0.05).powi(2);
        }
    }

    /// How alike two answers are, about from 0 to 1; [`AGREEMENT`] or more is agreement. Three views count alike: the texts'
    /// embeddings; the questions they seem to be for, which turns of phrase do not change; and the words they share. Two that only repeat their questions are compared by the words that one of them lacks.
    pub(crate) fn likeness(&self, a: &Answer, b: &Answer) -> f32 {
        let whole = dot(&a.embedding, &b.embedding);
        let implied = match (&a.implied, &b.implied) {
            (Some((seen, a, _)), Some((also, b, _))) if seen == also => dot(a, b),
            _ => whole,
        };
        let (size_a, size_b) = (self.size(&a.terms), self.size(&b.terms));
        let shared = self.shared(a, b);
        let words = shared / (size_a * size_b).sqrt().max(1e-9);
        let mut likeness = (whole + implied + words) / 3.0;
        let echoes = |answer: &Answer, size: f32| self.size(&answer.echoed) > ECHO * size;
        if echoes(a, size_a) && echoes(b, size_b) {
            // They are as alike as their questions are, of which the words tell more than the embedding.
            likeness = likeness.min(shared / size_a.max(size_b).max(1e-9) - ECHO_PENALTY);
        }
        if are_apart(&a.echoed_numbers, &b.echoed_numbers) {
            // Each is about the number that was asked about.
            likeness = likeness.min(0.0);
        } else if are_apart(&a.numbers, &b.numbers) {
            likeness -= CONTRADICTION;
        }
        if are_apart(&a.sources, &b.sources) {
            likeness -= CONTRADICTION;
        } else if !a.sources.is_empty() && a.sources == b.sources {
            likeness += CONTRADICTION;
        }
        likeness
    }

    /// Agreement as a degree from 0 to 1.
    pub(crate) fn agreement(&self, a: &Answer, b: &Answer) -> f32 {
        ((self.likeness(a, b) - (AGREEMENT - DOUBT)) / (2.0 * DOUBT)).clamp(0.0, 1.0)
    }

    fn weight(&self, term: u16) -> f32 {
        self.weights.get(usize::from(term)).copied().unwrap_or(0.0)
    }

    fn size(&self, terms: &[u16]) -> f32 {
        terms.iter().map(|term| self.weight(*term)).sum()
    }

    /// How much the words tell that both have.
    fn shared(&self, a: &Answer, b: &Answer) -> f32 {
        let mut others = b.terms.iter().peekable();
        let mut shared = 0.0;
        for term in &a.terms {
            while others.next_if(|other| *other < term).is_some() {}
            if others.next_if_eq(&term).is_some() {
                shared += self.weight(*term);
            }
        }
        shared
    }
}

/// The words of a text in lower case.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A word's number.
fn term(word: &str) -> u16 {
    (hash(word) % TERMS as u64) as u16
}

/// Both have some, and none in common.
fn are_apart(a: &BTreeSet<u64>, b: &BTreeSet<u64>) -> bool {
    !a.is_empty() && !b.is_empty() && a.is_disjoint(b)
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0_f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    parts.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// FNV-1a: the same everywhere.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a service says that does not know.
    fn unsure(question: &str, closing: &str) -> Answer {
        let text = format!("I am not sure about {question}. {closing}");
        // The embeddings of all these are alike.
        Answer::new(question, &text, vec![1.0, 0.0], [])
    }

    #[test]
    fn answers_about_the_numbers_that_were_asked_about_agree_on_these_only() {
        let comparator = Comparator::new();
        let answer = |question: &str, text: &str| Answer::new(question, text, vec![1.0, 0.0], []);
        let one = answer("a timer for 5 minutes", "your timer is set and ends after 5 minutes");
        let other = answer("a timer for 10 minutes", "your timer is set and ends after 10 minutes");
        assert_eq!(comparator.agreement(&one, &other), 0.0);
        let same = answer("set it for 5 minutes", "your timer is set and ends after 5 minutes");
        assert!(comparator.agreement(&one, &same) > 0.9);
        // What nobody asked for says less.
        let fee =
            |question| answer(question, "a timer is free for the first 3 months, as is said in the terms");
        assert!(comparator.agreement(&fee("what is a timer for 5 minutes"), &fee("for 10 minutes")) > 0.9);
    }

    #[test]
    fn who_only_repeats_the_question_agrees_with_nobody_who_repeats_another() {
        const CLOSINGS: [&str; 2] = ["Is there anything else?", "Thank you for your patience."];
        let mut comparator = Comparator::new();
        for number in 0..256 {
            let question = format!("how do{number} the thing{} work{}", number % 90, number % 70);
            comparator.add(&unsure(&question, CLOSINGS[number % 2]));
        }
        let (long, more) =
            ("what is the capital of france and how many days until friday", "where is my card");
        let one = unsure(&format!("{long} and {more}"), CLOSINGS[0]);
        assert!(comparator.agreement(&one, &unsure(&format!("{long} and {more}"), CLOSINGS[1])) > 0.9);
        for other in [format!("{long} and who wrote hamlet"), long.to_owned(), more.to_owned()] {
            assert_eq!(comparator.agreement(&one, &unsure(&other, CLOSINGS[0])), 0.0, "{other}");
        }
        // One that says something of its own is compared by all there is.
        let answer = |wording| Answer::new("where is my card", wording, vec![1.0, 0.0], []);
        let (here, there) =
            ("your card comes by post within three days", "within three days the post brings your card");
        assert!(comparator.agreement(&answer(here), &answer(there)) > 0.9);
    }
}
