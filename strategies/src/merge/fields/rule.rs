//! What a rule is, and which there are: a new one is a file beside this and a line in [`RULES`].

use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::Error;
use stook_plugin::{Algebra, ConflictKind, OptionSpec, Options};
use stook_types::{Object, Value};

use super::given::Given;
use super::{agree, array, concat, first, last, min_max, sum, unique};

/// Makes one value of the values of one field.
pub(super) trait Fold {
    /// Takes the next value, in effective order. An error means that this value was skipped.
    fn push(&mut self, value: Value) -> Result<(), ConflictKind>;

    /// The folded value, or `None` if the field shall be absent. An error means absent, too, and why.
    fn finish(self: Box<Self>) -> Result<Option<Value>, ConflictKind>;
}

/// A fold that config can name.
pub(super) trait Rule: Fold + Sized + 'static {
    const NAME: &'static str;
    const ALGEBRA: Algebra;
    type Options: Options + Send + Sync + 'static;

    /// A fold that has seen nothing yet.
    fn begin(options: &Self::Options) -> Self;
}

/// A [`Rule`], its type erased.
pub(super) struct AnyRule {
    pub(super) name: &'static str,
    pub(super) algebra: Algebra,
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
    AnyRule::of::<sum::Sum>(),
    AnyRule::of::<min_max::Min>(),
    AnyRule::of::<min_max::Max>(),
    AnyRule::of::<concat::Concat>(),
    AnyRule::of::<array::Array>(),
    AnyRule::of::<unique::Unique>(),
    AnyRule::of::<agree::Agree>(),
];

impl AnyRule {
    const fn of<R: Rule>() -> Self {
        Self { name: R::NAME, algebra: R::ALGEBRA, options: R::Options::SPECS, prepare: prepare::<R> }
    }
}

fn prepare<R: Rule>(options: Object) -> Result<Begin, String> {
    let options = R::Options::deserialize(Given(Value::Object(options)));
    let options = options.map_err(|error: Error| error.to_string())?;
    Ok(Arc::new(move || Box::new(R::begin(&options))))
}
