//! A service whose every byte is known: pages follow from their target and the number of writes so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testbed::{Answer, Question};

use crate::truth::Truth;

/// How long the service takes for an answer.
const TAKES: Duration = Duration::from_millis(10);
/// More than compression leaves alone.
const FILLER: usize = 160;

/// How many writes there were.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    version: AtomicU64,
}

impl Catalogue {
    fn write(&self) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// What the service answers.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        if question.method == "POST" {
            let mut answer = Answer::json(format!("{{\"version\": {}}}", self.write()));
            answer.status = 201;
            return answer.delay(TAKES);
        }
        Answer::json(page(&question.target, self.version.load(Ordering::SeqCst))).delay(TAKES)
    }
}

impl Truth for Catalogue {
    fn query(&self, page: u64) -> String {
        format!("page={page}")
    }

    fn version_of(&self, target: &str, text: &str) -> Result<u64, String> {
        let value = text.split("\"version\": ").nth(1).and_then(|rest| rest.split(',').next());
        let version = value.and_then(|value| value.parse().ok());
        let is_right =
            |version: &u64| *version <= self.version.load(Ordering::SeqCst) && text == page(target, *version);
        version.filter(is_right).ok_or_else(|| {
            let begin: String = text.chars().take(120).collect();
            format!("{target} was answered with {} bytes: {begin}", text.len())
        })
    }

    fn written(&self, text: &str) -> Option<u64> {
        text.strip_prefix("{\"version\": ")?.strip_suffix('}')?.parse().ok()
    }

    fn write_past_envoy(&self) -> Option<u64> {
        Some(self.write())
    }
}

fn page(target: &str, version: u64) -> String {
    let mut state = target.bytes().fold(version ^ 0xcbf2_9ce4_8422_2325, mix);
    let mut text = format!("{{\"target\": \"{target}\", \"version\": {version}, \"filler\": \"");
    for _ in 0..FILLER {
        state = mix(state, 1);
        text += &format!("{:08x} ", state >> 32);
    }
    text + "\"}"
}

fn mix(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_from_all_others() {
        let catalogue = Catalogue::default();
        catalogue.write();
        let right = page("/a", 1);
        assert_eq!(catalogue.version_of("/a", &right), Ok(1));
        assert_eq!(catalogue.version_of("/a", &page("/a", 0)), Ok(0));
        let longer = format!("{right} ");
        for wrong in [page("/b", 1), page("/a", 2), right.replace('f', "e"), longer, String::new()] {
            assert!(catalogue.version_of("/a", &wrong).is_err(), "{wrong}");
        }
        assert_eq!(catalogue.written("{\"version\": 12}"), Some(12));
    }
}
