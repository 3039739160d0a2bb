//! What is written is read again, however it is cut; and what others write is read as the standard says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(not(target_arch = "wasm32"))]

use event_stream::{Event, Frame, Item, Parser, TooLong, comment, retry};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

fn read(bytes: &[u8]) -> Vec<Item> {
    Parser::new(LIMIT).push(bytes).unwrap()
}

fn event(event: &str, data: &str, id: &str) -> Item {
    Item::Event(Event { event: event.to_owned(), data: data.to_owned(), id: id.to_owned() })
}

fn with_one_kind_of_break(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Texts with more of what is dangerous than chance would have.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        Just("\n\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\0".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("data: x\n\nevent: done\ndata: forged\n\n".to_owned()),
        Just("id: 7\n".to_owned()),
        Just(": ".to_owned()),
        Just(" ".to_owned()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        data in texts(), name in texts(), id in texts(), cuts in proptest::collection::vec(1_usize..9, 1..30),
    ) {
        let mut wire = String::new();
        retry(&mut wire, 250);
        comment(&mut wire, &data);
        Frame { id: &id, event: &name, data: &data }.write(&mut wire);
        Frame { id: "", event: "done", data: "" }.write(&mut wire);
        let plain = |text: &str| text.replace(['\r', '\n', '\0'], "");
        let name = match plain(&name) {
            name if name.is_empty() => "message".to_owned(),
            name => name,
        };
        let id = plain(&id);
        let mut expected = vec![Item::Retry(250)];
        expected.extend(
            with_one_kind_of_break(&data).split('\n').map(|line| Item::Comment(line.to_owned())),
        );
        expected.push(event(&name, &with_one_kind_of_break(&data), &id));
        expected.push(event("done", "", &id));
        prop_assert_eq!(&read(wire.as_bytes()), &expected);

        let (mut parser, mut found, mut rest) = (Parser::new(LIMIT), Vec::new(), wire.as_bytes());
        for size in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*size).min(rest.len()));
            found.extend(parser.push(now).unwrap());
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_break_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Parser::new(100).push(&bytes);
    }
}

#[test]
fn others_streams_are_read_as_the_standard_says() {
    for (wire, expected) in [
        ("data: a\n\n", vec![event("message", "a", "")]),
        ("data:a\r\rdata:b\r\n\r\n", vec![event("message", "a", ""), event("message", "b", "")]),
        ("data\n\n", vec![event("message", "", "")]),
        ("data: a\ndata:  b\n\n", vec![event("message", "a\n b", "")]),
        ("\u{feff}data: a\n\n", vec![event("message", "a", "")]),
        ("id: 1\ndata: a\n\ndata: b\n\n", vec![event("message", "a", "1"), event("message", "b", "1")]),
        ("id: 1\ndata: a\n\nid\ndata: b\n\n", vec![event("message", "a", "1"), event("message", "b", "")]),
        ("id: a\0b\ndata: a\n\n", vec![event("message", "a", "")]),
        ("event: x\n\ndata: a\n\n", vec![event("message", "a", "")]),
        ("retry: 10\nretry: 1x\n: c\n\n", vec![Item::Retry(10), Item::Comment("c".to_owned())]),
        ("unknown: 1\ndata: a\n\ndata: incomplete\n", vec![event("message", "a", "")]),
    ] {
        assert_eq!(read(wire.as_bytes()), expected, "{wire:?}");
    }
    assert_eq!(read(b"data: \xff\n\n"), [event("message", "\u{fffd}", "")]);
}

#[test]
fn what_is_too_long_is_refused() {
    for wire in ["data: 123456789012", "data: 1234\ndata: 1234\ndata: 1234\ndata: 1234"] {
        assert_eq!(Parser::new(16).push(wire.as_bytes()), Err(TooLong { limit: 16 }), "{wire}");
    }
}

#[test]
fn events_are_read_as_the_standard_says() {
    for (stream, expected) in [
        ("data: a\n\n", vec![("message", "a", "")]),
        ("\u{feff}data: a\n\n", vec![("message", "a", "")]),
        ("data:a\r\rdata:  b\r\n\r\n", vec![("message", "a", ""), ("message", " b", "")]),
        ("data: a\r\ndata: b\r\n\r\n", vec![("message", "a\nb", "")]),
        ("data: a\ndata\ndata: b\n\n", vec![("message", "a\n\nb", "")]),
        ("data\n\n", vec![("message", "", "")]),
        ("event: x\n\ndata: a\n\n", vec![("message", "a", "")]),
        ("event: x\ndata: a\nid: 7\n\ndata: b\n\n", vec![("x", "a", "7"), ("message", "b", "7")]),
        ("id: 1\ndata: a\n\nid\ndata: b\n\n", vec![("message", "a", "1"), ("message", "b", "")]),
        ("id: a\u{0}b\ndata: a\n\n", vec![("message", "a", "")]),
        (": comment\nnothing: x\nretry: 5\ndata: a\n\n", vec![("message", "a", "")]),
        ("data: a\n", vec![]),
        ("data: a", vec![]),
        ("\n\n\n", vec![]),
    ] {
        let expected: Vec<Item> =
            expected.into_iter().map(|(name, data, id)| event(name, data, id)).collect();
        let events = |items: Vec<Item>| {
            items.into_iter().filter(|item| matches!(item, Item::Event(_))).collect::<Vec<_>>()
        };
        assert_eq!(events(read(stream.as_bytes())), expected, "{stream:?}");
        // However it is cut.
        let (mut parser, mut in_bytes) = (Parser::new(LIMIT), Vec::new());
        for byte in stream.as_bytes() {
            in_bytes.extend(parser.push(std::slice::from_ref(byte)).unwrap());
        }
        assert_eq!(events(in_bytes), expected, "{stream:?} byte by byte");
    }
    assert!(Parser::new(8).push(b"data: 123").is_err(), "a line");
    assert!(Parser::new(10).push(b"data: 1234\ndata: 5678\ndata: 9\n").is_err(), "an event");
}
