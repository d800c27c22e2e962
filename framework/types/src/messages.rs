//! What users read of this crate's errors: see `messages/errors.txt`.

use std::str::FromStr;

use stook_messages::{every, expect_file, page};

use crate::units::{ByteSize, Span};
use crate::{
    Capability, CollectorId, CorrelationId, DecodeError, Outcome, SerializeError, Topic, TopicError,
    TopicPattern,
};

fn wrong<E: ToString>(parsed: Result<impl Sized, E>) -> String {
    parsed.err().expect("it is wrong").to_string()
}

#[test]
fn errors() {
    let topic = |text: &str| Topic::new(text).expect_err("no topic");
    let pattern = |text: &str| TopicPattern::new(text).expect_err("no pattern");
    let topics = every!(TopicError {
        TopicError::EmptyLevel(_) => topic("events..process"), topic("");
        TopicError::Character { .. } => topic("Events.Process"), topic("events/process"), topic("events.\u{1b}");
        TopicError::Wildcard(_) => topic("events.#");
        TopicError::Star { .. } => pattern("events.*.x");
        TopicError::HashInside { .. } => pattern("events.#.x");
        TopicError::Reserved(_) => topic("stook.events");
        TopicError::TooLong(_) => topic(&"x".repeat(256));
    });
    let serialize = every!(SerializeError {
        SerializeError::IntegerRange(_) => SerializeError::IntegerRange(i128::MIN);
        SerializeError::UnsignedRange(_) => SerializeError::UnsignedRange(u128::MAX);
        SerializeError::Key => SerializeError::Key;
        SerializeError::Custom(_) => SerializeError::Custom("path contains invalid UTF-8 characters".into());
    });
    let ids = page(
        "IdError",
        &[
            ("CollectorId", wrong(CollectorId::new("no id"))),
            ("CollectorId", wrong(CollectorId::new(""))),
            ("CollectorId", wrong(CollectorId::new(&"x".repeat(100)))),
            ("Capability", wrong(Capability::new("Process List"))),
            ("CorrelationId", wrong(CorrelationId::new(&"x".repeat(100)))),
        ],
    );
    let decode =
        DecodeError { content_type: "application/json", why: "expected value at line 1 column 1".into() };
    let rest = page(
        "others",
        &[
            ("DecodeError", decode.to_string()),
            ("Span", wrong(Span::from_str("30 parsecs"))),
            ("Span", wrong(Span::from_str("40000d"))),
            ("ByteSize", wrong(ByteSize::from_str("much"))),
            ("ByteSize", wrong(ByteSize::from_str("8192TiB"))),
            ("Outcome", wrong(Outcome::from_str("good"))),
        ],
    );
    expect_file!["messages/errors.txt"].assert_eq(&[topics, serialize, ids, rest].concat());
}
