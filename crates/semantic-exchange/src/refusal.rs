//! Answers that are none.

/// How answers begin in which a model says that it will not, or cannot, answer; in lower case, with straight apostrophes.
const BEGINNINGS: [&str; 16] = [
    "i'm sorry, but i can't",
    "i'm sorry, but i cannot",
    "i'm sorry, i can't",
    "i'm sorry, i cannot",
    "sorry, i can't",
    "sorry, but i can't",
    "i am sorry, but i can't",
    "i am sorry, but i cannot",
    "i can't assist",
    "i cannot assist",
    "i can't help with",
    "i cannot help with",
    "i'm unable to",
    "i am unable to",
    "as an ai",
    "i won't be able to",
];
/// Characters of an answer that are looked at.
const LOOKED_AT: usize = 40;

/// Whether a text looks like a refusal.
pub(crate) fn is_refusal(text: &str) -> bool {
    let beginning: String = text
        .trim_start()
        .chars()
        .take(LOOKED_AT)
        .map(|sign| if sign == '\u{2019}' { '\'' } else { sign })
        .collect::<String>()
        .to_lowercase();
    BEGINNINGS.iter().any(|refusal| beginning.starts_with(refusal))
}
