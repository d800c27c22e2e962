//! Plugins that are not what they say of themselves.

use std::cmp::Ordering;
use std::num::NonZeroU64;
use std::panic::catch_unwind;

use serde::Deserialize;
use stook_plugin::conformance::{plugin, unregistered};
use stook_plugin::types::Value;
use stook_plugin::types::units::Span;
use stook_plugin::{
    BuildContext, BuildError, Contribution, NoOptions, OptionSpec, OptionType, Options, OrderStrategy,
    Plugin, TypeSpec, choice, options, register,
};

/// That this ends in a panic, the message of which says so.
fn violates(saying: &str, test: fn()) {
    let Err(panic) = catch_unwind(test) else { panic!("passed, without `{saying}`") };
    let message = panic.downcast_ref::<String>().expect("a message with its input");
    assert!(message.contains(saying), "{message}");
}

choice! {
    /// A word.
    pub enum Word {
        /// One.
        One = "one",
        /// Another.
        Another = "another",
    }
}

options! {
    /// Options of the good one.
    pub struct AllOptions {
        /// What must be given.
        count: NonZeroU64,
        /// What may be given.
        /// In two lines.
        names: Vec<String> = vec!["a".to_owned()],
        /// How long.
        span: Span = Span(std::time::Duration::from_secs(3)),
        /// A share.
        share: f64 = 0.5,
        /// A word.
        word: Word = Word::Another,
        /// Nothing, if it is left out.
        note: Option<u32> = None,
    }
}

/// A plugin with these.
macro_rules! plugin {
    ($name:ident, $options:ty, $says:literal, $docs:literal, $example:expr) => {
        struct $name;

        impl Plugin for $name {
            const NAME: &'static str = $says;
            const DOCS: &'static str = $docs;
            const EXAMPLE: Option<&'static str> = $example;
            type Options = $options;

            fn build(_: $options, _: &BuildContext) -> Result<Self, BuildError> {
                if $says == "acme/unlucky" { Err(BuildError::new("not today")) } else { Ok(Self) }
            }
        }
    };
}

plugin!(Good, AllOptions, "acme/good-one", "Is good. Does no harm.", Some("count = 3"));
plugin!(Bare, NoOptions, "acme/bare", "Has no options.", None);

impl OrderStrategy for Good {
    fn compare(&self, _: &Contribution, _: &Contribution) -> Ordering {
        Ordering::Equal
    }
}

impl OrderStrategy for Bare {
    fn compare(&self, _: &Contribution, _: &Contribution) -> Ordering {
        Ordering::Equal
    }
}

register!(order: Good);
register!(order: Bare);

#[test]
fn what_holds_to_the_contract_passes() {
    plugin::<Good>(&[("count", 3.into())]);
    plugin::<Bare>(&[]);
}

#[test]
fn each_violation_is_named() {
    plugin!(Named, NoOptions, "Bad_Name", "Is documented.", None);
    plugin!(Prefixless, NoOptions, "timeout", "Is documented.", None);
    violates("`timeout` is no valid name", || plugin::<Prefixless>(&[]));
    violates("`Bad_Name` is no valid name: write kebab-case", || plugin::<Named>(&[]));
    plugin!(Silent, NoOptions, "acme/silent", "", None);
    violates("the plugin is documented in sentences", || plugin::<Silent>(&[]));
    plugin!(Other, AllOptions, "acme/other", "Is documented.", Some("count = 4"));
    violates("it is `count = 4`, and the test gives `count = 3`", || plugin::<Other>(&[("count", 3.into())]));
    violates("`acme/other` does not take {}: missing field `count`", || plugin::<Other>(&[]));
    plugin!(Unlucky, NoOptions, "acme/unlucky", "Is documented.", None);
    plugin!(Forgotten, NoOptions, "acme/forgotten", "Is documented.", None);
    violates("write `register!(KIND: Forgotten);` in its crate", || plugin::<Forgotten>(&[]));
    unregistered::<Forgotten>(&[]);
    violates("`acme/unlucky` cannot be built with {}: not today", || unregistered::<Unlucky>(&[]));
}

options! {
    /// Options with an option that is not documented in a sentence.
    pub struct Terse {
        /// no sentence
        n: u32 = 1,
    }
}

/// Reads half of what it shows.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Half(u32);

impl OptionType for Half {
    const TAKES: TypeSpec = TypeSpec::Int(0);

    fn to_value(&self) -> Value {
        (self.0 * 2).to_value()
    }
}

options! {
    /// Options with a default that is not what is shown.
    pub struct Halved {
        /// Twice as much.
        n: Half = Half(1),
    }
}

/// Takes everything.
#[derive(Debug, Deserialize)]
pub struct Lax {}

impl Options for Lax {
    const SPECS: &'static [OptionSpec] =
        &[OptionSpec { name: "n", docs: "What must be given.", takes: TypeSpec::Float, default: None }];
}

#[test]
fn each_violation_of_its_options_is_named() {
    plugin!(Tersely, Terse, "acme/tersely", "Is documented.", None);
    violates("the option `n` is documented in sentences", || plugin::<Tersely>(&[]));
    plugin!(Halving, Halved, "acme/halving", "Is documented.", None);
    violates("the default of `n` is what it is when left out: with 2 the options", || plugin::<Halving>(&[]));
    plugin!(Careless, Lax, "acme/careless", "Is documented.", None);
    violates("an unknown option is refused, by its name `no_such_option`: nothing", || {
        plugin::<Careless>(&[])
    });
}
