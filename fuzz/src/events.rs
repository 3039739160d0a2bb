//! Server-sent events, and what is said in them.

use crate::input::Input;
use event_stream::{Frame, Item, Parser};
use semantic_exchange::{Exchange, Form, Hit, Pointers, Profile, Record, Recorder, ask};

const LIMIT: usize = 1 << 16;

/// How long pieces are, then a stream. The same bytes are also the text of an event.
pub fn stream(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let piece = 1 + input.below(16);
    let stream = input.peek();
    let whole = Parser::new(LIMIT).push(stream);
    let mut parser = Parser::new(LIMIT);
    let pieces: Result<Vec<Vec<Item>>, _> = stream.chunks(piece).map(|piece| parser.push(piece)).collect();
    assert_eq!(whole, pieces.map(|items| items.concat()), "cuts make no difference");

    let (id, event, data) = (input.line(), input.line(), input.rest());
    let [id, event, data] = [id, event, data].map(String::from_utf8_lossy);
    let mut text = String::new();
    Frame { id: &id, event: &event, data: &data }.write(&mut text);
    let items = Parser::new(LIMIT).push(text.as_bytes()).expect("it is short");
    let [Item::Event(read)] = items.as_slice() else { panic!("{items:?} are not one event") };
    assert_eq!(read.data, data.replace("\r\n", "\n").replace('\r', "\n"));
}

/// A byte that chooses, and a request's body or an answer's.
pub fn exchange(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let profile = input.choice(&[Profile::OpenaiChat, Profile::RagQuery]);
    let exchange = Exchange::new(profile, &Pointers::default(), &[]).expect("its own pointers are right");
    let form = input.choice(&[Form::Whole, Form::Events]);
    let body = input.rest();
    let _ = ask(&exchange, body, 32, 1_000, false);
    let mut recorder = Recorder::new(&exchange, form, 2_000);
    for piece in body.chunks(7) {
        recorder.take(&exchange, piece);
        assert!(recorder.bytes() <= 10_000, "what is held is bounded");
    }
    if let Ok(answered) = recorder.finish(&exchange, false) {
        assert!(!answered.answer.is_empty(), "an answer without text is none");
        for stream in [false, true] {
            let hit = Hit { answer: &answered.answer, similarity: 1.0, stream, wants_usage: stream };
            answered.record.replay(&exchange, &hit);
        }
    }
    if let Some(record) = Record::from_payload(&String::from_utf8_lossy(body)) {
        record.replay(&exchange, &Hit { answer: "a", similarity: 1.0, stream: true, wants_usage: true });
    }
}
