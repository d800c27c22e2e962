//! What a rule is, and which there are: a new one is a file beside this and a line in [`RULES`].

use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::Error;
use stook_plugin::{Algebra, ConflictKind, OptionSpec, Options};
use stook_types::{CollectorId, Object, Value};

use super::given::Given;
use super::{
    agree, any_all, array, array_length, concat, count, difference, first, last, min_max, moments,
    object_merge, sum, unique, vote,
};

/// Makes one value of the values of one field.
pub(super) trait Fold: Send {
    /// Takes the next value, in effective order, and who gave it. An error means that this value was skipped.
    fn push(&mut self, value: Value, from: &CollectorId) -> Result<(), ConflictKind>;

    /// The folded value, or `None` if the field shall be absent, as it must be without values (but for a count). An
    /// error means absent, too, and why. Called once, at the end; of a commutative rule after any push, and must leave
    /// that as it was.
    fn finish(&mut self) -> Result<Option<Value>, ConflictKind>;

    /// Whose values the folded value contradicts although they were not skipped. Called once, after `finish`.
    fn dissent(&mut self) -> Vec<Dissent> {
        Vec::new()
    }

    /// Bytes that it holds on the heap, roughly. Asked of commutative rules only: others are not kept for long.
    fn bytes(&self) -> usize {
        0
    }
}

/// A value that differs from the folded one.
pub(super) struct Dissent {
    /// Where in the field; empty for all of it.
    pub(super) inside: Vec<String>,
    pub(super) from: CollectorId,
}

/// A fold that config can name.
pub(super) trait Rule: Fold + Sized + 'static {
    const NAME: &'static str;
    const ALGEBRA: Algebra;
    const ORIGIN: Origin;
    /// Whether the value depends on how many say the same.
    const COMPARES: bool = false;
    type Options: Options + Send + Sync + 'static;

    /// A fold that has seen nothing yet.
    fn begin(options: &Self::Options) -> Self;
}

/// Whose value a folded value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Theirs whose values were taken: something is made of all.
    Taken,
    /// Theirs who gave this very value: one is chosen.
    Chosen,
}

/// A [`Rule`], its type erased.
pub(super) struct AnyRule {
    pub(super) name: &'static str,
    pub(super) algebra: Algebra,
    pub(super) origin: Origin,
    pub(super) compares: bool,
    pub(super) options: &'static [OptionSpec],
    /// Reads the rule's options.
    pub(super) prepare: fn(Object) -> Result<Begin, String>,
}

/// Begins folds of a rule with its options.
pub(super) type Begin = Arc<dyn Fn() -> Box<dyn Fold> + Send + Sync>;

/// Every rule, in the order in which errors list them.
pub(super) static RULES: &[AnyRule] = &[
    AnyRule::of::<first::First>(),
    AnyRule::of::<last::Last>(),
    AnyRule::of::<first::FirstNonNull>(),
    AnyRule::of::<last::LastNonNull>(),
    AnyRule::of::<sum::Sum>(),
    AnyRule::of::<count::Count>(),
    AnyRule::of::<count::CountDistinct>(),
    AnyRule::of::<min_max::Min>(),
    AnyRule::of::<min_max::Max>(),
    AnyRule::of::<moments::Mean>(),
    AnyRule::of::<moments::Variance>(),
    AnyRule::of::<moments::Stdev>(),
    AnyRule::of::<difference::Range>(),
    AnyRule::of::<difference::Diff>(),
    AnyRule::of::<any_all::Any>(),
    AnyRule::of::<any_all::All>(),
    AnyRule::of::<concat::Concat>(),
    AnyRule::of::<array::Array>(),
    AnyRule::of::<array::ArrayConcat>(),
    AnyRule::of::<unique::Unique>(),
    AnyRule::of::<array_length::Shortest>(),
    AnyRule::of::<array_length::Longest>(),
    AnyRule::of::<object_merge::ObjectMerge>(),
    AnyRule::of::<agree::Agree>(),
    AnyRule::of::<vote::Vote>(),
];

impl AnyRule {
    const fn of<R: Rule>() -> Self {
        Self {
            name: R::NAME,
            algebra: R::ALGEBRA,
            origin: R::ORIGIN,
            compares: R::COMPARES,
            options: R::Options::SPECS,
            prepare: prepare::<R>,
        }
    }
}

fn prepare<R: Rule>(options: Object) -> Result<Begin, String> {
    let options = R::Options::deserialize(Given(Value::Object(options)));
    let options = options.map_err(|error: Error| error.to_string())?;
    Ok(Arc::new(move || Box::new(R::begin(&options))))
}
