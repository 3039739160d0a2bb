//! What guards see between two questions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use semantic_policy::{Guard, Question};

#[test]
fn guards_see_what_embeddings_hide() {
    use Guard::{Antonyms, Dates, Entities, Negation, Numbers, Order};
    let cases: [(&str, &str, &[Guard]); 22] = [
        ("How do I reset my password?", "how do i reset my password", &[]),
        ("reset password", "How can I get a new password?", &[]),
        ("What happened on 28 June?", "What happened on 29 June?", &[Numbers]),
        ("a timer for five minutes", "a timer for ten minutes", &[Numbers]),
        ("version 2.1", "version 2.2", &[Numbers]),
        ("Are you open in March?", "Are you open in April?", &[Dates]),
        ("open on monday", "open on tuesday", &[Dates]),
        ("Can I fly to Paris?", "Can I fly to London?", &[Entities]),
        // Capitals at the beginning of a sentence say nothing, nor does the same word without.
        ("Password reset. Where?", "password reset, where", &[]),
        ("Can I fly to Paris?", "can i fly to paris", &[]),
        ("Can I cancel?", "Can't I cancel?", &[Negation]),
        ("why was it declined", "why was it not declined", &[Negation]),
        ("it is not that I do not like it", "it is that I like it", &[]),
        ("turn the light on", "turn the light off", &[Antonyms]),
        ("Block my card", "Unblock my card", &[Antonyms]),
        ("money sent to me", "money received by me", &[Antonyms]),
        ("before and after", "before and after that", &[]),
        ("import from canada and sell in india", "import from india and sell in canada", &[Order]),
        ("dogs chase cats", "cats chase dogs", &[Order]),
        ("", "", &[]),
        ("\u{0}\u{ffff}", "\u{0}", &[]),
        ("’’’", "'", &[]),
    ];
    for (one, other, expected) in cases {
        let (a, b) = (Question::new(one), Question::new(other));
        assert_eq!(Guard::between(&a, &b), expected, "{one:?} and {other:?}");
        assert_eq!(Guard::between(&b, &a), expected, "{other:?} and {one:?}");
        assert_eq!(Guard::between(&a, &a), [], "{one:?} and itself");
    }
}
