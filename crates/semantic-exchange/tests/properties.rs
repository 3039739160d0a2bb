//! Whatever comes, nothing panics, and how it is cut into pieces makes no difference.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use semantic_exchange::{Exchange, Form, Hit, Pointers, Profile, Record, Recorder, ask};

fn exchange(profile: Profile) -> Exchange {
    Exchange::new(profile, &Pointers::default(), &[]).unwrap()
}

fn profile() -> impl Strategy<Value = Profile> {
    select(vec![Profile::OpenaiChat, Profile::RagQuery])
}

/// Streams that are nearly right.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "data: ",
        "data:",
        "event: ",
        "chunk",
        "sources",
        "done",
        "error",
        "cache",
        "start",
        "id: 1",
        ":",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "[DONE]",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a b\"}}]}",
        "{\"text\":\"x\"}",
        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
        "[\"doc\"]",
        "{\"hit\":false}",
        "\u{feff}",
        "\u{e9}",
    ]);
    let pieces = vec(piece.prop_map(|piece| piece.as_bytes().to_vec()), 0..40);
    (pieces, vec(any::<u8>(), 0..3)).prop_map(|(pieces, noise)| [pieces.concat(), noise].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn cuts_make_no_difference(
        bytes in stream(), cuts in vec(0_usize..400, 0..12), profile in profile(),
        events in any::<bool>(), limit in select(vec![16_usize, 64, 10_000]),
    ) {
        let exchange = exchange(profile);
        let form = if events { Form::Events } else { Form::Whole };
        let mut at_once = Recorder::new(&exchange, form, limit);
        at_once.take(&exchange, &bytes);
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= bytes.len()).collect();
        cuts.sort_unstable();
        let mut in_pieces = Recorder::new(&exchange, form, limit);
        let mut from = 0;
        for to in cuts.into_iter().chain([bytes.len()]) {
            in_pieces.take(&exchange, &bytes[from..to]);
            prop_assert!(in_pieces.bytes() <= 4 * limit + 64);
            from = to;
        }
        prop_assert_eq!(at_once.finish(&exchange, false), in_pieces.finish(&exchange, false));
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in vec(any::<u8>(), 0..200), profile in profile()) {
        let exchange = exchange(profile);
        let _ = ask(&exchange, &bytes, 32, 1_000, false);
        for form in [Form::Whole, Form::Events] {
            let mut recorder = Recorder::new(&exchange, form, 100);
            recorder.take(&exchange, &bytes);
            let _ = recorder.finish(&exchange, true);
        }
        if let Some(record) = Record::from_payload(&String::from_utf8_lossy(&bytes)) {
            for stream in [false, true] {
                record.replay(&exchange, &Hit { answer: "a", similarity: 1.0, stream, wants_usage: stream });
            }
        }
    }

    #[test]
    fn any_text_is_replayed_as_it_was(text in "\\PC{0,300}", profile in profile()) {
        let exchange = exchange(profile);
        let hit = Hit { answer: &text, similarity: 0.9, stream: true, wants_usage: false };
        let (_, stream) = Record::default().replay(&exchange, &hit);
        let mut recorder = Recorder::new(&exchange, Form::Events, 1 << 16);
        recorder.take(&exchange, stream.replace("\"hit\":true", "\"hit\":false").as_bytes());
        if let Ok(found) = recorder.finish(&exchange, false)
            && profile == Profile::OpenaiChat
        {
            prop_assert_eq!(found.answer, text);
        }
    }
}
