//! What bounds an aggregate: `limits`, and `late` with its memory.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use stook_engine::{LatePolicy, LateSpec, Limits, WhenFull};
use stook_types::units::{ByteSize, Span};

use super::table::Table;
use super::tables::{LATE, LIMITS};

/// More than this of anything fits into no memory, so it would be no limit.
pub(super) const MOST: usize = 100_000_000;

stook_plugin::choice! {
    pub(super) enum Full {
        EmitOldest = "emit-oldest",
        Refuse = "refuse",
        Backpressure = "backpressure",
    }
}

stook_plugin::choice! {
    pub(super) enum Late {
        Refuse = "refuse",
        Reopen = "reopen",
        Correct = "correct",
    }
}

pub(super) fn limits(aggregate: &Table<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(node) = aggregate.get("limits") else { return limits };
    let table = Table::open(aggregate.cx, &node.place, node, &LIMITS);
    limits.sets = table.count("sets").unwrap_or(limits.sets);
    limits.results_per_set = table.count("results_per_set").unwrap_or(limits.results_per_set);
    limits.bytes_per_set = table.positive("bytes_per_set").map_or(limits.bytes_per_set, ByteSize::bytes);
    limits.when_full = match table.read("when_full") {
        Some(Full::Refuse) => WhenFull::Refuse,
        Some(Full::Backpressure) => WhenFull::Backpressure,
        Some(Full::EmitOldest) | None => WhenFull::EmitOldest,
    };
    limits
}

pub(super) fn late(aggregate: &Table<'_>) -> LateSpec {
    let mut late = LateSpec::default();
    let Some(node) = aggregate.get("late") else { return late };
    let table = Table::open(aggregate.cx, &node.place, node, &LATE);
    late.tombstones = table.count("tombstones").unwrap_or(late.tombstones);
    late.remember = table.positive("remember").map_or(late.remember, |span: Span| span.0);
    let chosen: Option<Late> = table.read("use");
    late.policy = match chosen {
        Some(Late::Correct) => LatePolicy::Correct(grace(&table, late.remember)),
        Some(Late::Reopen) => LatePolicy::Reopen,
        Some(Late::Refuse) | None => LatePolicy::Refuse,
    };
    // A word that could not be read may have been `correct`.
    let is_other = chosen.is_some_and(|chosen| chosen != Late::Correct) || !table.means("use");
    if let Some(node) = table.get("grace").filter(|_| is_other) {
        let help = "write use = \"correct\" beside it, or take it out";
        table.cx.error(&node.place, "`grace` does nothing without use = \"correct\"", help);
    }
    late
}

fn grace(late: &Table<'_>, remember: Duration) -> Duration {
    let grace = late.require_positive("grace", "\"10s\"").map(|span: Span| span.0);
    if let (Some(grace), Some(node)) = (grace, late.get("grace"))
        && grace > remember
    {
        let message = format!("`grace` ({}) is longer than `remember` ({})", Span(grace), Span(remember));
        late.cx.error(&node.place, message, "a released set can be corrected only while it is remembered");
    }
    grace.unwrap_or_default()
}

impl Table<'_> {
    /// A whole number from 1 to [`MOST`].
    fn count(&self, key: &str) -> Option<usize> {
        self.read(key).map(|Count(count)| count.get())
    }

    /// A duration or size of more than nothing.
    pub(super) fn positive<T: de::DeserializeOwned + Default + PartialEq>(&self, key: &str) -> Option<T> {
        self.more_than_nothing(key, "write a larger one, or leave it out".to_owned())
    }

    /// The same, which must not be left out.
    pub(super) fn require_positive<T: de::DeserializeOwned + Default + PartialEq>(
        &self,
        key: &str,
        example: &str,
    ) -> Option<T> {
        self.require(key, example);
        self.more_than_nothing(key, format!("write a larger one, like {key} = {example}"))
    }

    fn more_than_nothing<T: de::DeserializeOwned + Default + PartialEq>(
        &self,
        key: &str,
        help: String,
    ) -> Option<T> {
        let given = self.placed::<T>(key)?;
        if given.value == T::default() {
            self.cx.error(given.place, format!("`{key}` must be more than nothing"), help);
            return None;
        }
        Some(given.value)
    }
}

struct Count(NonZeroUsize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_i64(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of at least 1")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Count, E> {
        match usize::try_from(number).ok().and_then(NonZeroUsize::new) {
            None if number < 1 => {
                Err(E::custom(format_args!("must be at least 1, found the number {number}")))
            }
            Some(count) if count.get() <= MOST => Ok(Count(count)),
            _ => Err(E::custom(format_args!(
                "must be at most {MOST}, found the number {number}: what never runs full is no limit"
            ))),
        }
    }
}
