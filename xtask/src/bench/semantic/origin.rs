//! The service behind the cache: it answers in free text, in one of many wordings.
//!
//! An answer names what it is about in one of several openings, states what holds for its intent in one of three wordings, mostly
//! adds something that holds for a group of neighbouring intents too, and may close politely. So answers to the same
//! question are rarely the same text, and answers to neighbouring ones share phrases.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Numbers, Question};

/// How an answer begins.
const OPENINGS: [&str; 6] = [
    "Here is how {t} works.",
    "You asked about {t}.",
    "About {t}: these are the steps.",
    "This is what to know when it comes to {t}.",
    "Happy to help with {t}!",
    "Regarding {t}, please note the following.",
];

/// What an answer says, each in several wordings. Several intents have the same.
const FACTS: [[&str; 3]; 16] = [
    [
        "Open the menu, choose the entry and confirm with your code.",
        "It takes a tap on the entry in the menu, and your code to confirm.",
        "Go to the menu, pick the entry, then confirm by entering your code.",
    ],
    [
        "It normally takes 3 working days.",
        "Expect it to be done within 3 working days.",
        "Please allow 3 working days for this.",
    ],
    ["There is no charge for it.", "You do not pay anything for this.", "This is free of charge."],
    [
        "A fee of 2 percent applies.",
        "We charge 2 percent for it.",
        "Note that it costs 2 percent of the amount.",
    ],
    [
        "Our team looks into each case by hand.",
        "Every case is checked by a person of our team.",
        "Somebody from the team reviews your case personally.",
    ],
    [
        "You will get a message as soon as it is settled.",
        "We send a notification once this has been settled.",
        "Once settled, a message tells you so.",
    ],
    [
        "Only the owner of the account may ask for this.",
        "This can be requested by the account's owner alone.",
        "Nobody but the account owner is allowed to request it.",
    ],
    [
        "Keep the receipt until then.",
        "Please hold on to the receipt meanwhile.",
        "Do not throw the receipt away before that.",
    ],
    ["The limit is 500 a day.", "You can use up to 500 each day.", "Each day at most 500 is possible."],
    [
        "It works in every country we serve.",
        "All the countries that we serve support it.",
        "You can use it in each country where we are active.",
    ],
    [
        "Restart the application if nothing changes.",
        "If it stays the same, close the application and start it again.",
        "Should nothing happen, a restart of the application helps.",
    ],
    [
        "The request can be withdrawn within 24 hours.",
        "You have 24 hours to take the request back.",
        "Within 24 hours the request may be cancelled.",
    ],
    [
        "Check that your details are up to date first.",
        "Before that, make sure your details are current.",
        "First see to it that your details are correct.",
    ],
    [
        "The setting is under Profile, then Preferences.",
        "You find it in your Profile under Preferences.",
        "Look for the setting in Preferences, a part of your Profile.",
    ],
    [
        "We recommend to do this over a safe connection.",
        "A secure connection is advisable for this.",
        "Please use a connection that is safe.",
    ],
    [
        "On weekends it may take a little longer.",
        "It can be slower during weekends.",
        "Expect delays on Saturdays and Sundays.",
    ],
];

/// How an answer may end.
const CLOSINGS: [&str; 4] = [
    "Let us know if anything is unclear.",
    "Is there anything else?",
    "We are glad to help further.",
    "Thank you for your patience.",
];

/// Neighbouring intents that have a fact in common.
const GROUP: usize = 5;

/// The answer to each question.
pub fn answers(questions: &[Question], seed: u64) -> Vec<String> {
    let mut numbers = Numbers::new(seed ^ 0x5eed);
    let intents: BTreeSet<&str> =
        questions.iter().filter_map(|question| question.intent.as_deref()).collect();
    let mut facts = BTreeMap::new();
    let mut shared = 0;
    for (number, intent) in intents.into_iter().enumerate() {
        if number.is_multiple_of(GROUP) {
            shared = numbers.below(FACTS.len());
        }
        facts.insert(intent, (numbers.below(FACTS.len()), shared));
    }
    questions
        .iter()
        .map(|question| {
            let intent = question.intent.as_deref().and_then(|intent| Some((intent, facts.get(intent)?)));
            match intent {
                None => format!(
                    "I am not sure about {}. {}",
                    question.text.trim_end_matches(['.', '?']),
                    one(&CLOSINGS, &mut numbers)
                ),
                Some((intent, (own, shared))) => {
                    let topic = intent.replace('_', " ").replace('?', "").to_lowercase();
                    let mut parts = vec![one(&OPENINGS, &mut numbers).replace("{t}", &topic)];
                    parts.push(one(&FACTS[*own], &mut numbers).to_owned());
                    if numbers.share() < 0.7 {
                        parts.push(one(&FACTS[*shared], &mut numbers).to_owned());
                    }
                    if numbers.share() < 0.5 {
                        parts.push(one(&CLOSINGS, &mut numbers).to_owned());
                    }
                    parts.join(" ")
                }
            }
        })
        .collect()
}

fn one<'a>(texts: &[&'a str], numbers: &mut Numbers) -> &'a str {
    texts[numbers.below(texts.len())]
}
