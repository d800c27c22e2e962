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
    match (takes, &node.kind) {
        (TypeSpec::Span, _) => readable::<Span>(option, node, wrong),
        (TypeSpec::ByteSize, _) => readable::<ByteSize>(option, node, wrong),
        (TypeSpec::Int(least), Kind::Int(number)) if number >= least => {}
        (TypeSpec::Choice(words), Kind::Text(word)) => {
            if !words.contains(&word.as_str()) {
                let near = nearest(word, words.iter().copied());
                let valid = format!("it takes {takes}");
                wrong.push(
                    bad(option, &node.place, format!("unknown word `{word}`"))
                        .help(did_you_mean(near, &valid)),
                );
            }
        }
        (TypeSpec::List(of), Kind::List(nodes)) => {
            nodes.iter().for_each(|node| check(option, of, node, wrong));
        }
        (TypeSpec::Map(of), Kind::Table(entries)) => {
            entries.iter().for_each(|entry| check(option, of, &entry.node, wrong));
        }
        (TypeSpec::Bool, Kind::Bool(_))
        | (TypeSpec::Float, Kind::Float(_) | Kind::Int(_))
        | (TypeSpec::Text, Kind::Text(_)) => {}
        (TypeSpec::Bool | TypeSpec::Int(_) | TypeSpec::Float | TypeSpec::Text, _)
        | (TypeSpec::Choice(_) | TypeSpec::List(_) | TypeSpec::Map(_), _) => {
            wrong.push(bad(option, &node.place, wanted(takes, node.kind.unexpected())));
        }
        // Only the plugin itself knows.
        _ => {}
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
