//! Topics and the patterns that match them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Where a result belongs: dot-separated levels of `a-z 0-9 - _`, like `events.process.lifecycle`.
///
/// Levels under `stook.` are reserved for the host's own events.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// Which topics somebody means: a topic in which `+` stands for any one level and `#`, in the last position
/// only, for any number of trailing levels, none included.
///
/// ```
/// use stook_types::{Topic, TopicPattern};
///
/// let pattern = TopicPattern::new("events.+.#")?;
/// assert!(pattern.matches(&Topic::new("events.process.lifecycle")?));
/// assert!(!pattern.matches(&Topic::new("events")?));
/// # Ok::<(), stook_types::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPattern(Arc<str>);

/// Why a text is no topic or no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Nothing between two dots, or nothing at all.
    #[error("`{0}` has an empty level; write levels of a-z 0-9 - _ separated by single dots")]
    EmptyLevel(String),
    /// A character that topics do not have.
    #[error("`{text}` has `{found}`; topics have a-z 0-9 - _ and dots only{}", did_you_mean(.near.as_deref()))]
    Character {
        /// The whole text.
        text: String,
        /// The first offender.
        found: char,
        /// What was probably meant.
        near: Option<String>,
    },
    /// A wildcard in a topic that must be exact.
    #[error("`{0}` has a wildcard; a topic is exact, only patterns have `+` and `#`")]
    Wildcard(String),
    /// `*`, which other systems use.
    #[error(
        "`*` is no wildcard in `{text}`: `+` is one level, `#` any number of trailing levels; did you mean `{near}`?"
    )]
    Star {
        /// The whole text.
        text: String,
        /// The pattern that was probably meant.
        near: String,
    },
    /// `#` somewhere else than at the end.
    #[error("`#` stands only in the last position, not inside `{text}`; did you mean `{near}`?")]
    HashInside {
        /// The whole text.
        text: String,
        /// The pattern that was probably meant.
        near: String,
    },
    /// The host's own.
    #[error("`{0}` is reserved: topics under `stook.` are the host's own")]
    Reserved(String),
    /// Longer than anybody reads.
    #[error("a topic of {0} bytes is too long; the limit is {MAX}")]
    TooLong(usize),
}

const MAX: usize = 255;

const HOST_EVENTS: &str = "stook.events";

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

// === impl Topic ===

impl Topic {
    /// Parses a topic that a collector may publish on.
    ///
    /// # Errors
    /// If it is empty, has an empty level or a character outside `a-z 0-9 - _ .`, or is reserved.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        if text.len() > MAX {
            return Err(TopicError::TooLong(text.len()));
        }
        if text.split('.').any(|level| matches!(level, "+" | "#")) {
            return Err(TopicError::Wildcard(text.into()));
        }
        text.split('.').try_for_each(|level| check_level(level, text))?;
        if text == "stook" || text.starts_with("stook.") {
            return Err(TopicError::Reserved(text.into()));
        }
        Ok(Self(text.into()))
    }

    /// Where the host publishes what happens to collectors and tasks. No collector may.
    pub fn host_events() -> Self {
        Self(HOST_EVENTS.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

// === impl TopicPattern ===

impl TopicPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// If it could match no topic: a level that topics cannot have, a `#` before the end, a `*`.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        if text.len() > MAX {
            return Err(TopicError::TooLong(text.len()));
        }
        if text.split('.').any(|level| level.contains('*')) {
            return Err(TopicError::Star { text: text.into(), near: without_stars(text) });
        }
        if let Some((head, _)) = text.split_once("#.") {
            return Err(TopicError::HashInside { text: text.into(), near: format!("{head}#") });
        }
        text.split('.')
            .filter(|level| !matches!(*level, "+" | "#"))
            .try_for_each(|level| check_level(level, text))?;
        if text == "stook" {
            return Err(TopicError::Reserved(text.into()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is exactly the topic on which the host publishes what happens.
    pub fn is_host_events(&self) -> bool {
        &*self.0 == HOST_EVENTS
    }

    /// Whether `topic` is one of those that this pattern means. The host's own topics are meant by their names only,
    /// not by wildcards.
    pub fn matches(&self, topic: &Topic) -> bool {
        if topic.as_str() == HOST_EVENTS && !self.is_host_events() {
            return false;
        }
        let mut topic = topic.levels();
        for level in self.levels() {
            match (level, topic.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (exact, Some(other)) if exact == other => {}
                _ => return false,
            }
        }
        topic.next().is_none()
    }

    /// Whether every topic that `other` matches is matched by this pattern too.
    pub fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.levels();
        for level in self.levels() {
            match (level, theirs.next()) {
                ("#", _) => return true,
                (_, None | Some("#")) => return false,
                ("+", Some(_)) => {}
                (exact, Some(other)) if exact == other => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }

    /// The pattern of exactly the topics that both match, if there are any.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let mut both: Vec<&str> = Vec::new();
        let (mut ours, mut theirs) = (self.levels(), other.levels());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(Self(both.join(".").into())),
                (Some("#"), rest) => both.extend(rest.into_iter().chain(theirs.by_ref())),
                (rest, Some("#")) => both.extend(rest.into_iter().chain(ours.by_ref())),
                (Some("+"), Some(level)) | (Some(level), Some("+")) => both.push(level),
                (Some(a), Some(b)) if a == b => both.push(a),
                _ => return None,
            }
        }
    }

    /// A topic that both patterns match, if there is one.
    pub fn overlap(&self, other: &Self) -> Option<String> {
        let both = self.intersection(other)?;
        Some(both.levels().filter_map(example).collect::<Vec<_>>().join("."))
    }

    fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

/// What a level of a pattern could be in a topic.
fn example(level: &str) -> Option<&str> {
    match level {
        "+" => Some("x"),
        "#" => None,
        exact => Some(exact),
    }
}

fn check_level(level: &str, text: &str) -> Result<(), TopicError> {
    if level.is_empty() {
        return Err(TopicError::EmptyLevel(text.into()));
    }
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
    let Some(found) = level.chars().find(|c| !allowed(*c)) else { return Ok(()) };
    let lower = text.to_lowercase();
    let near =
        (lower != text && lower.chars().all(|c| allowed(c) || matches!(c, '.' | '+' | '#'))).then_some(lower);
    Err(TopicError::Character { text: text.into(), found, near })
}

/// `a.*.b` becomes `a.+.b`, a trailing `**` becomes `#`.
fn without_stars(text: &str) -> String {
    let levels: Vec<_> = text.split('.').collect();
    let last = levels.len() - 1;
    let meant = |(i, level): (usize, &&str)| match *level {
        "**" if i == last => "#".to_owned(),
        level if level.contains('*') => "+".to_owned(),
        level => level.to_owned(),
    };
    levels.iter().enumerate().map(meant).collect::<Vec<_>>().join(".")
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> { Self::new(text) }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_str(&self.0) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}
as_text!(Topic, TopicPattern);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_pattern_table() {
        let check = |pattern: &str, topic: &str, matches: bool| {
            let (pattern, topic) = (TopicPattern::new(pattern).unwrap(), Topic::new(topic).unwrap());
            assert_eq!(pattern.matches(&topic), matches, "{pattern} {topic}");
        };
        check("events.process.+", "events.process.new", true);
        check("events.process.+", "events.process", false);
        check("events.#", "events.process.new", true);
        check("events.#", "events", true);
        check("events.#", "control.collector.status", false);
        check("control.trigger.+", "control.trigger", false);
        check("events.process.new.#", "events.process.new", true);
        check("events.+.new", "events.process.new", true);
        check("events.+.+", "events.process.lifecycle", true);
        check("events.+.+", "events.process.lifecycle.new", false);
        check("events.+.#", "events.process.lifecycle.new", true);
        check("#", "a", true);
        check("+", "a.b", false);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error_with_the_near_one() {
        let near = |text: &str| TopicPattern::new(text).unwrap_err().to_string();
        assert!(near("events.*.new").contains("did you mean `events.+.new`?"));
        assert!(near("events.**").contains("did you mean `events.#`?"));
        assert!(near("events.#.process").contains("did you mean `events.#`?"));
        assert!(near("Events.+").contains("did you mean `events.+`?"));
        for bad in ["", "a..b", ".a", "a.", "a b", "a.x+", "a.x#", "stook"] {
            assert!(TopicPattern::new(bad).is_err(), "{bad}");
        }
        assert!(TopicPattern::new("stook.#").is_ok());
    }

    #[test]
    fn a_topic_is_exact_lower_case_and_not_ours() {
        for bad in
            ["events.Process.new", "stook.x", "stook", "", "a..b", ".a", "a.", "a.+", "#", "a b", "a.é"]
        {
            assert!(Topic::new(bad).is_err(), "{bad}");
        }
        assert!(Topic::new(&"a".repeat(256)).is_err());
        assert!(Topic::new("stooks.x").is_ok());
    }

    fn pattern() -> impl Strategy<Value = TopicPattern> {
        let level = prop_oneof![Just("a"), Just("b"), Just("+")];
        (proptest::collection::vec(level, 0..4), any::<bool>()).prop_filter_map(
            "empty",
            |(mut levels, hash)| {
                levels.extend(hash.then_some("#"));
                TopicPattern::new(&levels.join(".")).ok()
            },
        )
    }

    fn topic() -> impl Strategy<Value = Topic> {
        proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("x")], 1..6)
            .prop_map(|levels| Topic::new(&levels.join(".")).unwrap())
    }

    proptest! {
        #[test]
        fn covering_and_overlap_agree_with_matching(p in pattern(), q in pattern(), t in topic()) {
            let both = p.intersection(&q);
            prop_assert_eq!(both.is_some_and(|both| both.matches(&t)), p.matches(&t) && q.matches(&t));
            if p.covers(&q) && q.matches(&t) {
                prop_assert!(p.matches(&t));
            }
            if let Some(witness) = p.overlap(&q).filter(|w| !w.is_empty()) {
                let witness = Topic::new(&witness).unwrap();
                prop_assert!(p.matches(&witness) && q.matches(&witness), "{witness}");
            }
            prop_assert!(p.covers(&p));
        }
    }

    #[test]
    fn the_hosts_own_events_are_meant_by_name_only() {
        let pattern = |text| TopicPattern::new(text).unwrap();
        assert!(pattern("stook.events").matches(&Topic::host_events()));
        for wide in ["#", "+.events", "stook.#", "stook.+"] {
            assert!(!pattern(wide).matches(&Topic::host_events()), "{wide}");
        }
        assert!(Topic::new(Topic::host_events().as_str()).is_err(), "no collector may publish there");
    }
}
