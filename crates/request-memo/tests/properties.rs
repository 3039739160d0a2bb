//! The memo answers as a list of all requests would.
#![cfg(not(target_family = "wasm"))]

use proptest::{collection::vec, prelude::*, sample::select};
use request_memo::{DecidingFields, RequestMemo};

const DECIDING: [&str; 3] = [":path", "accept", "x-a"];

type Request = Vec<(String, String)>;

fn request() -> impl Strategy<Value = Request> {
    let name = select(vec![":path", "accept", "x-a", "x-b", "Accept"]).prop_map(String::from);
    vec((name, select(vec!["", "a", "aa", "x-a", "\u{1}\u{0}\u{0}"]).prop_map(String::from)), 0..4)
}

fn what_decides(request: &Request) -> Request {
    let deciding = request.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    deciding.filter(|(name, _)| DECIDING.contains(&name.as_str())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_answers_as_a_list_would(requests in vec((request(), select(vec!["", "a", "aa"])), 0..40)) {
        let mut memo = RequestMemo::new(DecidingFields::new(DECIDING), 1 << 20);
        let mut all: Vec<((Request, &str), usize)> = Vec::new();
        for (number, (request, also)) in requests.iter().enumerate() {
            let asked = (what_decides(request), *also);
            let expected = all.iter().rev().find(|(known, _)| *known == asked).map(|(_, outcome)| *outcome);
            prop_assert_eq!(memo.find(request, also.as_bytes()).copied(), expected);
            if expected.is_none() {
                memo.remember(request, also.as_bytes(), number);
                all.push((asked, number));
            }
        }
    }
}
