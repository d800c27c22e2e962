//! TOML text as a [`Node`], with positions.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::node::{Entry, Kind, Node, Place};

/// The tree of a TOML document, or what is wrong with its text. Where TOML is broken it is anybody's guess how it goes
/// on, and a quote too few would make a hundred errors: of these it is the first.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Diagnostic>> {
    let root = DeTable::parse(text).map_err(|error| {
        vec![Diagnostic::error(&Place::Text(error.span().unwrap_or_default()), error.message())]
    })?;
    let mut wrong = Vec::new();
    let kind = table(root.into_inner(), &mut wrong);
    if wrong.is_empty() { Ok(Node { kind, place: Place::Nowhere }) } else { Err(wrong) }
}

fn table(table: DeTable<'_>, wrong: &mut Vec<Diagnostic>) -> Kind {
    let entry = |(key, value): (Spanned<_>, _)| Entry {
        place: Place::Text(key.span()),
        key: std::borrow::Cow::into_owned(key.into_inner()),
        node: node(value, wrong),
    };
    let mut entries: Vec<_> = table.into_iter().map(entry).collect();
    entries.sort_by_key(|entry| match &entry.place {
        Place::Text(bytes) => bytes.start,
        _ => 0,
    });
    Kind::Table(entries)
}

fn node(value: Spanned<DeValue<'_>>, wrong: &mut Vec<Diagnostic>) -> Node {
    let place = Place::Text(value.span());
    let kind = match value.into_inner() {
        DeValue::String(text) => Kind::Text(text.into_owned()),
        DeValue::Boolean(value) => Kind::Bool(value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Kind::Int(number),
            Err(_) => unusable(&place, "the number does not fit into 64 signed bits", wrong),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) => Kind::Float(number),
            Err(_) => unusable(&place, "the number does not fit into a 64-bit float", wrong),
        },
        DeValue::Datetime(_) => {
            unusable(&place, "no option takes a date or time; write text in quotes", wrong)
        }
        DeValue::Array(values) => Kind::List(values.into_iter().map(|value| node(value, wrong)).collect()),
        DeValue::Table(fields) => table(fields, wrong),
    };
    Node { kind, place }
}

fn unusable(place: &Place, why: &str, wrong: &mut Vec<Diagnostic>) -> Kind {
    wrong.push(Diagnostic::error(place, why));
    Kind::Null
}
