//! What is asked of every plugin, whatever it decides.

use std::fmt::Debug;

use serde::Deserialize;
use stook_types::{Object, Value};

use super::given::Given;
use crate::registry::is_valid_name;
use crate::{BuildContext, OptionSpec, Options, Plugin, Registration, crate_of};

/// Holds a plugin to what its users are told of it: its crate registers it, by [`register!`](crate::register), so that config
/// can select it; and all that [`unregistered`] asks.
///
/// # Panics
/// If the plugin does not hold to it.
#[track_caller]
pub fn plugin<P: Plugin<Options: Debug>>(given: &[(&str, Value)]) {
    unregistered::<P>(given);
    let krate = crate_of(std::any::type_name::<P>());
    let registered = |plugin: &&Registration| plugin.name == P::NAME && plugin.krate == krate;
    assert!(
        inventory::iter::<Registration>.into_iter().any(|plugin| registered(&plugin)),
        "`{}` is not registered, and no config can select it: write `register!(KIND: {});` in its crate; one that hosts are to \
         put into their registry by hand is tested by `conformance::unregistered`",
        P::NAME,
        std::any::type_name::<P>().rsplit("::").next().unwrap_or(P::NAME)
    );
}

/// [`plugin`] for one that is not registered, because hosts are to put it into their registry by hand, with
/// [`RegistryBuilder::with`](crate::RegistryBuilder::with):
///
/// * its name is one that config can have, and outside stook's own crates has a prefix;
/// * it and its options are documented, in sentences;
/// * what is shown as the default of an option is what it is when left out, and what is shown as required is refused when
///   it is left out, by its name;
/// * an unknown option is refused, by its name;
/// * it can be built with `given`, which are the options that must be given, or those of its
///   [`EXAMPLE`](Plugin::EXAMPLE), which says the same.
///
/// # Panics
/// If the plugin does not hold to it.
#[track_caller]
pub fn unregistered<P: Plugin<Options: Debug>>(given: &[(&str, Value)]) {
    let name = P::NAME;
    let krate = crate_of(std::any::type_name::<P>());
    assert!(
        is_valid_name(name, krate),
        "`{name}` is no valid name: write kebab-case, outside stook's own crates with a `vendor/` prefix"
    );
    documented("the plugin", P::DOCS);
    let specs = <P::Options as Options>::SPECS;
    for spec in specs {
        documented(&format!("the option `{}`", spec.name), &spec.paragraph());
    }
    let given: Object = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let options = read::<P>(&given).unwrap_or_else(|why| panic!("`{name}` does not take {given:?}: {why}"));
    tells_its_defaults::<P>(specs, &given, &options);
    names_what_is_wrong::<P>(specs, &given);
    if let Some(example) = P::EXAMPLE {
        let written = written(&given);
        assert!(
            example == written,
            "the `EXAMPLE` of `{name}` is what this test gives, so that it is known to be valid: it is `{example}`, and the \
             test gives `{written}`; write the same in both"
        );
    }
    let built = P::build(options, &BuildContext::default());
    assert!(
        built.is_ok(),
        "`{name}` cannot be built with {given:?}: {}",
        built.err().map_or_else(String::new, |why| why.message)
    );
}

#[track_caller]
fn documented(what: &str, docs: &str) {
    assert!(
        docs.ends_with('.') && !docs.contains("  ") && !docs.contains('\n'),
        "{what} is documented in sentences, with one blank between two words: {docs:?}"
    );
}

#[track_caller]
fn tells_its_defaults<P: Plugin<Options: Debug>>(specs: &[OptionSpec], given: &Object, options: &P::Options) {
    for spec in specs.iter().filter(|spec| !given.contains_key(spec.name)) {
        // What is nothing when left out is written by leaving it out.
        let Some(default) = spec.default.map(|default| default()).filter(|default| *default != Value::Null)
        else {
            continue;
        };
        let with = with(given, spec.name, default.clone());
        let said = read::<P>(&with).map(|with| format!("{with:?}"));
        assert!(
            said.as_ref().is_ok_and(|said| *said == format!("{options:?}")),
            "the default of `{}` is what it is when left out: with {default:?} the options are {said:?}, and without {options:?}",
            spec.name
        );
    }
}

#[track_caller]
fn names_what_is_wrong<P: Plugin>(specs: &[OptionSpec], given: &Object) {
    let refused = |options: &Object, name: &str, what: &str| {
        let why = read::<P>(options).map_or_else(|why| why, |_| "nothing is said".to_owned());
        assert!(why.contains(name), "{what} is refused, by its name `{name}`: {why}");
    };
    refused(&with(given, "no_such_option", Value::Null), "no_such_option", "an unknown option");
    for spec in specs.iter().filter(|spec| spec.default.is_none()) {
        let mut without = given.clone();
        without.remove(spec.name);
        refused(&without, spec.name, "a required option that is left out");
    }
}

fn with(given: &Object, name: &str, value: Value) -> Object {
    let mut with = given.clone();
    with.insert(name.to_owned(), value);
    with
}

/// Options as a host reads them.
fn read<P: Plugin>(options: &Object) -> Result<P::Options, String> {
    P::Options::deserialize(Given(Value::Object(options.clone()))).map_err(|error| error.to_string())
}

/// Options as they stand in config.
fn written(options: &Object) -> String {
    options.iter().map(|(name, value)| format!("{name} = {value:?}")).collect::<Vec<_>>().join(", ")
}
