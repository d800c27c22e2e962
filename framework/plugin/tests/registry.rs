//! The registry and the macros, used as a policy author uses them.

use std::num::NonZeroUsize;

use stook_plugin::types::units::Span;
use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, MergeStrategy, NoOptions, Options, Plugin,
    Registration, Registry, RegistryError, SetView, TypeSpec, link_plugins, options, register,
};

options! {
    /// Options of `acme/enough`.
    pub struct EnoughOptions {
        /// How many are enough.
        /// Never none.
        count: NonZeroUsize,
        /// Whether to wait longer.
        patience: Span = Span(std::time::Duration::from_secs(5)),
        /// Nobody knows.
        note: Option<String> = None,
    }
}

struct Enough(EnoughOptions);

impl Plugin for Enough {
    const NAME: &'static str = "acme/enough";
    const DOCS: &'static str = "Complete when there is enough.";
    type Options = EnoughOptions;

    fn build(options: EnoughOptions, _: &BuildContext) -> Result<Self, BuildError> {
        if options.count.get() == 13 {
            return Err(BuildError::in_option("count", "13 is unlucky; take 12"));
        }
        Ok(Self(options))
    }
}

impl CompletionPolicy for Enough {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        if set.results.len() >= self.0.count.get() { Decision::Complete } else { Decision::Pending }
    }
}

register!(completion: Enough);

struct BadName;

impl Plugin for BadName {
    const NAME: &'static str = "Not_Kebab";
    const DOCS: &'static str = "";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl CompletionPolicy for BadName {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }
}

fn build(json: &str) -> Result<Box<dyn CompletionPolicy>, BuildError> {
    let registry = Registry::builder().with(Registration::completion::<Enough>("acme")).build().unwrap();
    let factory = registry.factory::<dyn CompletionPolicy>("acme/enough").unwrap();
    let mut from = serde_json::Deserializer::from_str(json);
    factory(&mut <dyn stook_plugin::OptionsDeserializer>::erase(&mut from), &BuildContext::default())
}

#[test]
fn options_are_parsed_with_defaults_and_checked() {
    assert!(build(r#"{"count": 2}"#).is_ok());
    let fails = |json: &str, with: &str| {
        let message = build(json).err().unwrap().to_string();
        assert!(message.contains(with), "{json}: {message}");
    };
    fails("{}", "missing field `count`");
    fails(r#"{"count": 0}"#, "nonzero");
    fails(r#"{"count": 1, "cuont": 2}"#, "unknown field `cuont`");
    fails(r#"{"count": 1, "patience": "long"}"#, "`long` is no duration");
    assert_eq!(build(r#"{"count": 13}"#).err().unwrap().option, Some("count"));
}

#[test]
fn specs_say_what_the_source_says() {
    let [count, patience, note] = EnoughOptions::SPECS else { panic!("three options") };
    assert_eq!(count.docs, "How many are enough.\n Never none.");
    assert_eq!(count.paragraph(), "How many are enough. Never none.");
    assert_eq!(
        (count.summary().as_str(), note.summary().as_str()),
        ("How many are enough.", "Nobody knows.")
    );
    assert_eq!(count.takes, TypeSpec::Int(1));
    assert!(count.default.is_none());
    let default = |spec: &stook_plugin::OptionSpec| spec.default.map(|default| default()).unwrap();
    assert_eq!(default(patience), "5s".into());
    assert_eq!(default(note), stook_plugin::types::Value::Null);
}

#[test]
fn an_unknown_name_lists_near_names_and_crates() {
    let registry = Registry::builder().with(Registration::completion::<Enough>("acme")).build().unwrap();
    let unknown = registry.find::<dyn CompletionPolicy>("acme/enogh").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no completion plugin is named `acme/enogh`; did you mean `acme/enough`? there is: acme/enough (linked: acme)"
    );
    let none = registry.find::<dyn MergeStrategy>("list").unwrap_err();
    assert_eq!(none.to_string(), "no merge plugin is named `list`; there is: none (linked: acme)");
    let bare = registry.find::<dyn CompletionPolicy>("enough").unwrap_err();
    assert_eq!(bare.near, Some("acme/enough"));
    let stranger = registry.find::<dyn MergeStrategy>("globex/median").unwrap_err().to_string();
    assert!(stranger.ends_with("known only to a host that names its crate in `link_plugins!`"), "{stranger}");
}

#[test]
fn a_collision_names_both_crates() {
    let twice = Registry::builder()
        .with(Registration::completion::<Enough>("acme"))
        .with(Registration::completion::<Enough>("acme_fork"));
    let error = twice.build().unwrap_err().to_string();
    assert!(error.contains("crate `acme`") && error.contains("crate `acme_fork`"), "{error}");
}

#[test]
fn a_bad_name_is_refused() {
    let bad = Registry::builder().with(Registration::completion::<BadName>("acme")).build();
    assert!(matches!(bad, Err(RegistryError::BadName { name: "Not_Kebab", .. })));
}

#[test]
fn what_is_registered_is_found_and_a_silent_crate_is_named() {
    // `serde_json` stands for a crate that was linked for its plugins and has none.
    let error = Registry::linked(link_plugins!(serde_json)).unwrap_err();
    assert_eq!(error, RegistryError::NothingRegistered("serde_json"));
    let registry = Registry::builder().build().unwrap();
    assert!(registry.plugins().is_empty());
}
