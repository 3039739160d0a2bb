//! Bodies like those of a real API, the same in every run.

use serde_json::{Value, json};

use super::cases::Size;

const WORDS: &str = "adds after alert audit backlog batch before billing cache checks client currency dashboard \
    delivers duplicate exports fails filters from history import index invoice keeps large ledger \
    limits mobile monthly order partner payment portfolio prices queue refund report retries review \
    search settles shows slow stale sync timezone user when";
const CATEGORIES: [&str; 5] = ["feature", "improvement", "bug", "research", "documentation"];
const PRIORITIES: [&str; 4] = ["low", "medium", "high", "critical"];
const STATUSES: [&str; 4] = ["new", "in-progress", "review", "done"];

/// A JSON list of as many items as fit.
pub fn body(size: Size) -> Vec<u8> {
    let mut numbers = Numbers(size.bytes() as u64);
    let mut items = Vec::new();
    let mut body = render(&items);
    loop {
        items.push(item(&mut numbers, items.len()));
        let longer = render(&items);
        if longer.len() > size.bytes() {
            return body.into_bytes();
        }
        body = longer;
    }
}

fn render(items: &[Value]) -> String {
    json!({ "items": items, "page": 1, "total": 48_213 }).to_string()
}

fn item(numbers: &mut Numbers, index: usize) -> Value {
    let created = numbers.timestamp();
    let updated = numbers.timestamp();
    json!({
        "id": format!("{:016x}", numbers.next()),
        "number": 10_000 + index,
        "title": numbers.words(4),
        "description": numbers.words(14),
        "category": numbers.one_of(&CATEGORIES),
        "priority": numbers.one_of(&PRIORITIES),
        "status": numbers.one_of(&STATUSES),
        "tags": [numbers.words(1), numbers.words(1)],
        "estimate_hours": numbers.below(400) as f64 / 10.0,
        "created_at": created,
        "updated_at": updated,
    })
}

/// Numbers that look random: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u64) as usize]
    }

    fn words(&mut self, count: usize) -> String {
        let all: Vec<&str> = WORDS.split_whitespace().collect();
        (0..count).map(|_| self.one_of(&all)).collect::<Vec<_>>().join(" ")
    }

    fn timestamp(&mut self) -> String {
        format!(
            "2025-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            1 + self.below(12),
            1 + self.below(28),
            self.below(24),
            self.below(60),
            self.below(60),
            self.below(1_000)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_nearly_their_size_and_always_the_same() {
        for size in Size::ALL {
            let first = body(size);
            assert!((size.bytes() - 500..=size.bytes()).contains(&first.len()), "{}", first.len());
            let parsed: Value = serde_json::from_slice(&first).unwrap();
            assert!(!parsed["items"].as_array().unwrap().is_empty());
            assert_eq!(first, body(size));
        }
    }
}
