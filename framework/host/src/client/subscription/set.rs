//! One released set, as it came over the wire.

use serde::ser::{Serialize, SerializeMap, Serializer};
use stook_proto::operator::ReceivedSet;
use stook_types::{Outcome, Value};

/// A released set. Serialised it is what sinks write: the same fields in the same order; one that is not whole has the field
/// `omitted` at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    pub(super) received: ReceivedSet,
    /// Over which it came; 0 is none.
    pub(super) connection: u64,
}

static NOTHING: Value = Value::Null;

/// From an answer to a task that is waited for: there a set is the field `result`. It cannot be acknowledged.
impl From<Value> for Set {
    fn from(set: Value) -> Self {
        Self::new(ReceivedSet { number: 0, set, omitted: String::new() }, 0)
    }
}

impl Set {
    pub(crate) fn new(received: ReceivedSet, connection: u64) -> Self {
        Self { received, connection }
    }

    /// What the results became together; null if the set is not [whole](Self::omitted).
    pub fn value(&self) -> &Value {
        self.field("value")
    }

    /// Names this emission: a set that comes again has the same.
    pub fn emission_id(&self) -> &str {
        self.text("emission_id")
    }

    /// The aggregate that released it.
    pub fn aggregate(&self) -> &str {
        self.text("aggregate")
    }

    /// The correlation ID as text, or the array of key values.
    pub fn correlation_id(&self) -> &Value {
        self.field("correlation_id")
    }

    /// Whether it is all that was asked for. `None` for a word of a newer host.
    pub fn outcome(&self) -> Option<Outcome> {
        self.text("outcome").parse().ok()
    }

    /// What ended it, in a word.
    pub fn reason(&self) -> &str {
        self.text("reason")
    }

    /// Who did not answer, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        let missing = self.field("missing").as_array().unwrap_or_default();
        missing.iter().map(|missing| (text(missing, "collector"), text(missing, "reason")))
    }

    /// Why it has neither its value nor its lists: it is too large to be sent, or too deep. `None` if it is whole.
    pub fn omitted(&self) -> Option<&str> {
        (!self.received.omitted.is_empty()).then_some(&self.received.omitted)
    }

    /// All of it, as an object with the fields of the JSON that sinks write.
    pub fn as_value(&self) -> &Value {
        &self.received.set
    }

    fn field(&self, name: &str) -> &Value {
        self.received.set.at(&[name]).unwrap_or(&NOTHING)
    }

    fn text(&self, name: &str) -> &str {
        text(&self.received.set, name)
    }
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.at(&[name]).and_then(Value::as_str).unwrap_or_default()
}

// === as JSON, in the order of sinks ===

/// The fields of a set, and of the objects in its lists, in their order. A value has its own.
const SET: [(&str, &[&str]); 19] = [
    ("aggregate", &[]),
    ("correlation_id", &[]),
    ("emission_id", &[]),
    ("generation", &[]),
    ("revision", &[]),
    ("outcome", &[]),
    ("reason", &[]),
    ("error", &[]),
    ("value", &[]),
    ("provenance", &["field", "collectors"]),
    ("results", &[]),
    ("duplicates", &[]),
    ("repeats", &["collector", "sequence", "count", "first_seen", "last_seen", "also_from"]),
    ("contributors", &["collector", "incarnation", "pid", "topics", "results", "sequences"]),
    ("missing", &["collector", "reason"]),
    ("conflicts", &["field", "kind", "collector", "got"]),
    ("opened_at", &[]),
    ("released_at", &[]),
    ("latency_us", &[]),
];

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.received.set.as_object() else { return self.received.set.serialize(to) };
        let mut map = to.serialize_map(Some(fields.len()))?;
        for (name, inner) in SET {
            match fields.get(name) {
                Some(Value::Array(elements)) if !inner.is_empty() => {
                    let elements: Vec<_> = elements.iter().map(|of| InOrder { of, first: inner }).collect();
                    map.serialize_entry(name, &elements)?;
                }
                Some(value) => map.serialize_entry(name, value)?,
                None => {}
            }
        }
        let is_new = |name: &str| !SET.iter().any(|(known, _)| *known == name);
        fields
            .iter()
            .filter(|(name, _)| is_new(name))
            .try_for_each(|(name, of)| map.serialize_entry(name, of))?;
        if let Some(why) = self.omitted() {
            map.serialize_entry("omitted", why)?;
        }
        map.end()
    }
}

/// An object whose fields of these names come first, in this order.
struct InOrder<'a> {
    of: &'a Value,
    first: &'a [&'a str],
}

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.of.as_object() else { return self.of.serialize(to) };
        let mut map = to.serialize_map(Some(fields.len()))?;
        let known = self.first.iter().filter_map(|name| fields.get_key_value(*name));
        let rest = fields.iter().filter(|(name, _)| !self.first.contains(&name.as_str()));
        known.chain(rest).try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

#[cfg(test)]
#[test]
fn fields_stand_as_sinks_write_them_and_new_ones_last() {
    let set = r#"{"zebra": 1, "value": {"b": 1, "a": 2}, "outcome": "complete", "aggregate": "a",
        "missing": [{"zebra": 1, "reason": "exited", "collector": "p-1"}]}"#;
    let set = Set::from(serde_json::from_str::<Value>(set).unwrap());
    assert_eq!(
        serde_json::to_string(&set).unwrap(),
        concat!(
            r#"{"aggregate":"a","outcome":"complete","value":{"a":2,"b":1},"#,
            r#""missing":[{"collector":"p-1","reason":"exited","zebra":1}],"zebra":1}"#
        )
    );
}
