//! What the unit tests share: results made of JSON text, plugins made of JSON options.

use std::sync::Arc;

use bytes::Bytes;
use stook_plugin::{
    BuildContext, BuildError, Conflict, Conflicts, Contribution, MergeInput, MergeStrategy,
    OptionsDeserializer, Plugin, PluginType, Registration, Source,
};
use stook_types::{CollectorId, DecodeError, Encoding, Incarnation, Payload, SessionEpoch, Topic, Value};

static JSON: Encoding = Encoding {
    content_type: "application/json",
    decode: |bytes| {
        serde_json::from_slice(bytes)
            .map_err(|error| DecodeError { content_type: "application/json", why: error.to_string() })
    },
};

/// JSON has no `NaN`, a float payload has.
static FLOAT: Encoding = Encoding {
    content_type: "test/float",
    decode: |bytes| {
        let bits = bytes.try_into().map(f64::from_le_bytes);
        let float = bits.map_err(|_| DecodeError { content_type: "test/float", why: "no 8 bytes".into() })?;
        Ok(Value::from([("n", Value::Float(float))]))
    },
};

/// Payloads that no strategy may choke on; the first cannot be decoded.
pub(crate) const HOSTILE: &[&str] =
    &["{", "null", "7", "[]", "[[[[1]]]]", "{}", "{\"n\":{}}", "{\"n\":null}", "[{\"n\":\"x\"},3]", "1e400"];

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// `{"n": float}` in an encoding that can say `NaN`.
pub(crate) fn n(float: f64) -> Payload {
    Payload::new(Bytes::copy_from_slice(&float.to_le_bytes()), &FLOAT)
}

pub(crate) fn payload(json: &str) -> Payload {
    Payload::new(Bytes::copy_from_slice(json.as_bytes()), &JSON)
}

pub(crate) fn id(collector: &str) -> CollectorId {
    CollectorId::new(collector).unwrap()
}

pub(crate) fn source(collector: &str, epoch: u64) -> Arc<Source> {
    let incarnation = Incarnation(uuid::Uuid::nil());
    Arc::new(Source::new(id(collector), "test", incarnation, SessionEpoch(epoch), None))
}

/// One result.
pub(crate) fn result(collector: &str, payload: Payload) -> Contribution {
    Contribution::new(source(collector, 1), Topic::new("t.x").unwrap(), 0, payload)
}

/// Results in the order of their arrival: who sent it, and what as JSON.
pub(crate) fn results(sent: &[(&str, &str)]) -> Vec<Contribution> {
    let result = |(arrival, (collector, json)): (usize, &(&str, &str))| {
        let mut result = result(collector, payload(json));
        result.sequence = arrival as u64;
        result.arrival = u32::try_from(arrival).unwrap();
        result
    };
    sent.iter().enumerate().map(result).collect()
}

/// The plugin, made as a host makes it.
pub(crate) fn build<T: PluginType + ?Sized>(
    registration: &Registration,
    options: &str,
) -> Result<Box<T>, BuildError> {
    let mut from = serde_json::Deserializer::from_str(options);
    let factory = T::factory(registration).expect("a registration of this kind");
    factory(&mut <dyn OptionsDeserializer<'_>>::erase(&mut from), &BuildContext::new(7))
}

/// The same by its own type, for options that are fine.
pub(crate) fn made<P: Plugin>(options: &str) -> P {
    let options = serde_json::from_str(options).unwrap();
    P::build(options, &BuildContext::new(7)).unwrap()
}

/// What `P` makes of these results.
pub(crate) fn merge<P: Plugin + MergeStrategy>(
    options: &str,
    results: &[Contribution],
) -> (Value, Vec<Conflict>) {
    let plugin = build::<dyn MergeStrategy>(&Registration::merge::<P>("test"), options).unwrap();
    let mut conflicts = Conflicts::default();
    let merged = plugin.merge(&MergeInput::new("a", results), &mut conflicts).unwrap();
    (merged.to_value().unwrap(), conflicts.into_list())
}

/// Conflicts in one line each: `path kind collector got`.
pub(crate) fn lines(conflicts: &[Conflict]) -> Vec<String> {
    let line = |conflict: &Conflict| {
        let got = conflict.got.as_deref().map_or_else(String::new, |got| format!(" {got}"));
        format!("{} {} {}{got}", conflict.field.join("/"), conflict.kind.as_str(), conflict.collector)
    };
    conflicts.iter().map(line).collect()
}

/// Every order of these.
pub(crate) fn permutations<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |first: usize| {
        let mut rest = of.to_vec();
        let first = rest.remove(first);
        permutations(&rest).into_iter().map(move |mut rest| {
            rest.insert(0, first.clone());
            rest
        })
    };
    (0..of.len()).flat_map(with_first).collect()
}
