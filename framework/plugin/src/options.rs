//! Typed options of plugins, declared once: the same declaration feeds parsing, `stook plugins show`, the schema
//! and the suggestions in errors.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};

use serde::Deserialize;
use stook_types::units::{ByteSize, Span};
use stook_types::{CollectorId, Value};

/// The options of one plugin. Implemented by [`options!`](crate::options).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no options of a plugin",
    note = "declare them with `stook_plugin::options! {{ … }}`, or write `type Options = NoOptions;`"
)]
pub trait Options: for<'de> Deserialize<'de> {
    /// Every option, in the order of declaration.
    const SPECS: &'static [OptionSpec];
}

/// One option of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Its key in config.
    pub name: &'static str,
    /// What it does.
    pub docs: &'static str,
    /// What it takes.
    pub takes: TypeSpec,
    /// What it is when left out; `None` if it must be given.
    pub default: Option<fn() -> Value>,
}

impl OptionSpec {
    /// Its docs as one paragraph: doc comments break where their source does.
    pub fn paragraph(&self) -> String {
        self.docs.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The first sentence of them.
    pub fn summary(&self) -> String {
        let mut text = self.paragraph();
        text.truncate(first_sentence(&text).len());
        text
    }
}

/// The first sentence of a documentation.
pub(crate) fn first_sentence(docs: &str) -> &str {
    docs.find(". ").map_or(docs, |end| &docs[..=end])
}

/// What an option takes, in terms that a person and a schema understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeSpec {
    /// `true` or `false`.
    Bool,
    /// A whole number of at least this.
    Int(i64),
    /// Any number.
    Float,
    /// Text.
    Text,
    /// A duration like `"30s"`.
    Span,
    /// A size like `"16MiB"`.
    ByteSize,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list.
    List(&'static TypeSpec),
    /// A table from names to these.
    Map(&'static TypeSpec),
    /// A table with these keys at most, described in words.
    Table(&'static str, &'static [(&'static str, TypeSpec)]),
    /// Any of these, described in words.
    AnyOf(&'static str, &'static [TypeSpec]),
    /// Something of its own, described in words.
    Other(&'static str),
}

/// A type that an option can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type that an option can have",
    label = "no `OptionType`",
    note = "options are bool, i64, u32, u64, usize, f64, NonZeroU64, NonZeroUsize, String, Span, ByteSize or CollectorId, \
            an Option, Vec or BTreeMap<String, _> of these, or a `choice!` of words",
    note = "for a type of your own implement `OptionType` and serde's `Deserialize`"
)]
pub trait OptionType {
    /// What it takes.
    const TAKES: TypeSpec;

    /// As it would stand in config.
    fn to_value(&self) -> Value;
}

/// For plugins without options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

impl Options for NoOptions {
    const SPECS: &'static [OptionSpec] = &[];
}

impl std::fmt::Display for TypeSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Int(i64::MIN) => f.write_str("a whole number"),
            Self::Int(least) => write!(f, "a whole number, at least {least}"),
            Self::Float => f.write_str("a number"),
            Self::Text => f.write_str("text"),
            Self::Span => f.write_str("a duration"),
            Self::ByteSize => f.write_str("a size"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::List(of) => write!(f, "a list of: {of}"),
            Self::Map(of) => write!(f, "a table, each: {of}"),
            Self::Table(words, _) | Self::AnyOf(words, _) | Self::Other(words) => f.write_str(words),
        }
    }
}

macro_rules! option_types {
    ($($type:ty => $takes:expr, |$value:ident| $to_value:expr);+ $(;)?) => {$(
        impl OptionType for $type {
            const TAKES: TypeSpec = $takes;

            fn to_value(&self) -> Value {
                let $value = self;
                $to_value
            }
        }
    )+};
}
option_types!(
    bool => TypeSpec::Bool, |value| Value::Bool(*value);
    i64 => TypeSpec::Int(i64::MIN), |value| Value::Int(*value);
    u32 => TypeSpec::Int(0), |value| Value::Int((*value).into());
    u64 => TypeSpec::Int(0), |value| whole(*value);
    usize => TypeSpec::Int(0), |value| whole(*value as u64);
    NonZeroU64 => TypeSpec::Int(1), |value| whole(value.get());
    NonZeroUsize => TypeSpec::Int(1), |value| whole(value.get() as u64);
    f64 => TypeSpec::Float, |value| Value::Float(*value);
    String => TypeSpec::Text, |value| Value::String(value.clone());
    CollectorId => TypeSpec::Other("a collector's id"), |value| Value::String(value.to_string());
    Span => TypeSpec::Span, |value| Value::String(value.to_string());
    ByteSize => TypeSpec::ByteSize, |value| Value::String(value.to_string());
);

fn whole(value: u64) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

impl<T: OptionType> OptionType for Option<T> {
    const TAKES: TypeSpec = T::TAKES;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: OptionType> OptionType for Vec<T> {
    const TAKES: TypeSpec = TypeSpec::List(&T::TAKES);

    fn to_value(&self) -> Value {
        self.iter().map(T::to_value).collect()
    }
}

impl<T: OptionType> OptionType for BTreeMap<String, T> {
    const TAKES: TypeSpec = TypeSpec::Map(&T::TAKES);

    fn to_value(&self) -> Value {
        Value::Object(self.iter().map(|(name, value)| (name.clone(), value.to_value())).collect())
    }
}

/// Declares a plugin's options: a struct whose fields carry their docs and, after `=`, their defaults. A field
/// without a default must be given.
///
/// ```
/// use stook_plugin::{Options, options};
///
/// options! {
///     /// Options of `acme/every`.
///     pub struct EveryOptions {
///         /// How many to skip.
///         skip: u64 = 1,
///         /// Where to begin.
///         start: u64,
///     }
/// }
///
/// assert_eq!(EveryOptions::SPECS[0].docs, "How many to skip.");
/// assert!(EveryOptions::SPECS[1].default.is_none());
/// let options: EveryOptions = serde_json::from_str(r#"{"start": 3}"#)?;
/// assert_eq!((options.skip, options.start), (1, 3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[doc = $docs:literal])+ $field:ident : $type:ty $(= $default:expr)? ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $name { $( $(#[doc = $docs])+ $vis $field: $type ),+ }

        impl $crate::Options for $name {
            const SPECS: &'static [$crate::OptionSpec] = &[$(
                $crate::OptionSpec {
                    name: stringify!($field),
                    docs: concat!($($docs, "\n"),+).trim_ascii(),
                    takes: <$type as $crate::OptionType>::TAKES,
                    default: $crate::options!(@default_value $type $(, $default)?),
                }
            ),+];
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D>(from: D) -> ::core::result::Result<Self, D::Error>
            where
                D: $crate::__private::serde::Deserializer<'de>,
            {
                #[derive($crate::__private::serde::Deserialize)]
                #[serde(crate = "stook_plugin::__private::serde", deny_unknown_fields)]
                struct Given { $( #[serde(default = "Option::default")] $field: ::core::option::Option<$type> ),+ }

                let given = <Given as $crate::__private::serde::Deserialize>::deserialize(from)?;
                Ok(Self { $(
                    $field: match given.$field {
                        Some(given) => given,
                        None => $crate::options!(@default_or_missing $field $(, $default)?),
                    }
                ),+ })
            }
        }
    };
    (@default_value $type:ty) => { None };
    (@default_value $type:ty, $default:expr) => {
        Some(|| { let default: $type = $default; $crate::OptionType::to_value(&default) })
    };
    (@default_or_missing $field:ident) => {
        return Err($crate::__private::serde::de::Error::missing_field(stringify!($field)))
    };
    (@default_or_missing $field:ident, $default:expr) => { $default };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$attribute:meta])* $field:ident : $type:ty $(= $default:expr)? ),+ $(,)?
        }
    ) => {
        ::core::compile_error!(::core::concat!(
            "every option of `", ::core::stringify!($name), "` has docs and no other attribute: they are what `stook plugins show` \
             says of it; write `/// What it does.` above it"
        ));
    };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$attribute:meta])* $field_vis:vis $field:ident : $type:ty $(= $default:expr)? ),+ $(,)?
        }
    ) => {
        ::core::compile_error!(::core::concat!(
            "the options of `", ::core::stringify!($name), "` stand without `pub`: each is as visible as the struct"
        ));
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident {}) => {
        ::core::compile_error!("a plugin without options says `type Options = NoOptions;`");
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "write options as a struct of which each field has docs and may have a default: \
             `struct MyOptions { /// What it does. name: Type = default, }`"
        );
    };
}

/// Declares an enum of words, as options and JSON have them: parsed, printed and documented from one place.
///
/// ```
/// use stook_plugin::{choice, options};
///
/// choice! {
///     /// Who wins.
///     pub enum Winner {
///         /// Whoever came first.
///         First = "first",
///         /// Whoever came last.
///         Last = "last",
///     }
/// }
///
/// options! {
///     /// Options of `acme/take`.
///     pub struct TakeOptions {
///         /// Who wins.
///         winner: Winner = Winner::First,
///     }
/// }
///
/// let options: TakeOptions = serde_json::from_str(r#"{"winner": "last"}"#)?;
/// assert_eq!((options.winner, options.winner.as_str()), (Winner::Last, "last"));
/// let wrong = serde_json::from_str::<TakeOptions>(r#"{"winner": "lst"}"#).unwrap_err().to_string();
/// assert!(wrong.starts_with("`lst` is none of first, last; did you mean `last`?"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word in config and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = ::std::string::String;

            fn from_str(word: &str) -> ::core::result::Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::unknown_word(word, Self::WORDS)),
                }
            }
        }

        impl $crate::OptionType for $name {
            const TAKES: $crate::TypeSpec = $crate::TypeSpec::Choice(Self::WORDS);

            fn to_value(&self) -> $crate::types::Value {
                self.as_str().into()
            }
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S>(&self, to: S) -> ::core::result::Result<S::Ok, S::Error>
            where
                S: $crate::__private::serde::Serializer,
            {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D>(from: D) -> ::core::result::Result<Self, D::Error>
            where
                D: $crate::__private::serde::Deserializer<'de>,
            {
                let word = <::std::string::String as $crate::__private::serde::Deserialize>::deserialize(from)?;
                word.parse().map_err($crate::__private::serde::de::Error::custom)
            }
        }
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "write a choice as an enum of which each variant has its word: `enum Mode { Fast = \"fast\", Safe = \"safe\" }`"
        );
    };
}

/// Says which words would have been valid, and which was probably meant.
#[doc(hidden)]
pub fn unknown_word(word: &str, words: &[&str]) -> String {
    let near = stook_types::nearest(word, words.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("`{word}` is none of {}{near}", words.join(", "))
}
