//! Checks given options against their declared types, so that all bad values are found at once.

use std::fmt::Display;

use stook_plugin::TypeSpec;
use stook_types::nearest;
use stook_types::units::{ByteSize, Span};

use super::diagnostic::Diagnostic;
use super::node::{Entry, Kind, Node, Place};
use super::read::wanted;
use super::table::did_you_mean;
use super::write::key;

/// Notes every place in `node` that is not of the declared type.
pub(super) fn check(option: &str, takes: &TypeSpec, node: &Node, wrong: &mut Vec<Diagnostic>) {
    let fits = match (takes, &node.kind) {
        (TypeSpec::Int(least), Kind::Int(number)) if number < least => {
            let why = format!("must be at least {least}, found the number {number}");
            return wrong.push(bad(option, &node.place, why));
        }
        (TypeSpec::Span, _) => return readable::<Span>(option, node, wrong),
        (TypeSpec::ByteSize, _) => return readable::<ByteSize>(option, node, wrong),
        (TypeSpec::Choice(words), Kind::Text(word)) => {
            if !words.contains(&word.as_str()) {
                let near = nearest(word, words.iter().copied());
                let help = did_you_mean(near, &format!("it takes {takes}"));
                wrong.push(bad(option, &node.place, format!("unknown word `{word}`")).help(help));
            }
            true
        }
        (TypeSpec::List(of), Kind::List(nodes)) => {
            nodes.iter().for_each(|node| check(option, of, node, wrong));
            true
        }
        (TypeSpec::Map(of), Kind::Table(entries)) => {
            entries.iter().for_each(|entry| check(&inside(option, entry), of, &entry.node, wrong));
            true
        }
        (TypeSpec::Table(_, keys), Kind::Table(entries)) => {
            entries.iter().for_each(|entry| check_key(option, keys, entry, wrong));
            true
        }
        (TypeSpec::AnyOf(_, any), kind) => {
            match any.iter().filter(|of| may_be(of, kind)).collect::<Vec<_>>()[..] {
                [] => false,
                [of] => return check(option, of, node, wrong),
                // What is wrong depends on which was meant.
                _ => true,
            }
        }
        // Whether it is right inside only the plugin itself knows.
        (takes, kind) => may_be(takes, kind),
    };
    if !fits {
        wrong.push(bad(option, &node.place, wanted(takes, node.kind.unexpected())));
    }
}

/// Whether something of this kind is of the declared type, if it is right inside.
fn may_be(takes: &TypeSpec, kind: &Kind) -> bool {
    match takes {
        TypeSpec::Bool => matches!(kind, Kind::Bool(_)),
        TypeSpec::Int(_) => matches!(kind, Kind::Int(_)),
        TypeSpec::Float => matches!(kind, Kind::Float(_) | Kind::Int(_)),
        TypeSpec::Text | TypeSpec::Span | TypeSpec::ByteSize | TypeSpec::Choice(_) => {
            matches!(kind, Kind::Text(_))
        }
        TypeSpec::List(_) => matches!(kind, Kind::List(_)),
        TypeSpec::Map(_) | TypeSpec::Table(..) => matches!(kind, Kind::Table(_)),
        TypeSpec::AnyOf(_, any) => any.iter().any(|of| may_be(of, kind)),
        _ => true,
    }
}

/// A key of a table that has these at most.
fn check_key(option: &str, keys: &[(&str, TypeSpec)], entry: &Entry, wrong: &mut Vec<Diagnostic>) {
    let names = || keys.iter().map(|(name, _)| *name);
    match keys.iter().find(|(name, _)| *name == entry.key) {
        Some((_, takes)) => check(&inside(option, entry), takes, &entry.node, wrong),
        None => {
            let known = format!("`{option}` has {}", names().collect::<Vec<_>>().join(", "));
            let help = did_you_mean(nearest(&entry.key, names()), &known);
            wrong.push(Diagnostic::error(&entry.place, format!("unknown key `{}`", entry.key)).help(help));
        }
    }
}

/// What an entry of an option is called.
fn inside(option: &str, entry: &Entry) -> String {
    format!("{option}.{}", key(&entry.key))
}

fn readable<T: serde::de::DeserializeOwned>(option: &str, node: &Node, wrong: &mut Vec<Diagnostic>) {
    if let Err((place, why)) = node.read::<T>() {
        wrong.push(bad(option, &place, why));
    }
}

/// What stands under this key is not what it should be.
pub(super) fn bad(option: &str, place: &Place, why: impl Display) -> Diagnostic {
    Diagnostic::error(place, format!("bad `{option}`: {why}"))
}
