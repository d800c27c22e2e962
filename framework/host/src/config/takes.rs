//! Checks given options against their declared types, so that all bad values are found at once.

use std::fmt::Display;

use stook_plugin::TypeSpec;
use stook_types::nearest;
use stook_types::units::{ByteSize, Span};

use super::diagnostic::Diagnostic;
use super::node::{Kind, Node, Place};
use super::read::wanted;
use super::table::did_you_mean;

/// Notes every place in `node` that is not of the declared type.
pub(super) fn check(option: &str, takes: &TypeSpec, node: &Node, wrong: &mut Vec<Diagnostic>) {
    let fits = match (takes, &node.kind) {
        (TypeSpec::Bool, kind) => matches!(kind, Kind::Bool(_)),
        (TypeSpec::Int(least), Kind::Int(number)) if number < least => {
            let why = format!("must be at least {least}, found the number {number}");
            return wrong.push(bad(option, &node.place, why));
        }
        (TypeSpec::Int(_), kind) => matches!(kind, Kind::Int(_)),
        (TypeSpec::Float, kind) => matches!(kind, Kind::Float(_) | Kind::Int(_)),
        (TypeSpec::Text, kind) => matches!(kind, Kind::Text(_)),
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
            entries.iter().for_each(|entry| check(option, of, &entry.node, wrong));
            true
        }
        (TypeSpec::Choice(_) | TypeSpec::List(_) | TypeSpec::Map(_), _) => false,
        // Only the plugin itself knows.
        _ => true,
    };
    if !fits {
        wrong.push(bad(option, &node.place, wanted(takes, node.kind.unexpected())));
    }
}

fn readable<T: serde::de::DeserializeOwned>(option: &str, node: &Node, wrong: &mut Vec<Diagnostic>) {
    if let Err((place, why)) = node.read::<T>() {
        wrong.push(bad(option, &place, why));
    }
}

fn bad(option: &str, place: &Place, why: impl Display) -> Diagnostic {
    Diagnostic::error(place, format!("bad `{option}`: {why}"))
}
