//! Questions and answers in free text.

use crate::input::Input;
use semantic_policy::{Answer, Question};

/// Lines: two questions, an answer.
pub fn question(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (first, second, answer) = (input.line(), input.line(), input.rest());
    let [first, second, answer] = [first, second, answer].map(String::from_utf8_lossy);
    let (one, other) = (Question::new(&first), Question::new(&second));
    let _ = (one, other, Answer::new(&first, &answer, vec![1.0, 0.0], [first.as_ref()]));
}
