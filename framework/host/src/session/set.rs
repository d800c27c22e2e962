//! A released set on its way to another process: the fields of its JSON, as a value of the wire.

use std::fmt::Display;

use bytes::Bytes;
use serde::Serialize;
use stook_plugin::{AggregatedResult, Merged};
use stook_proto::host::SetError;
use stook_proto::{DepthError, Fields, HostSession, ValueWriter};
use stook_types::{Value, to_value};

/// Sends a set to a peer that [takes one](HostSession::takes_set); without its value and its lists where the whole cannot
/// be sent, and then says why.
pub(super) fn send(protocol: &mut HostSession, result: &AggregatedResult) -> Result<(), SetError> {
    let why = match whole(result) {
        Ok(set) => match protocol.send_set(set, "") {
            Err(SetError::TooLarge { length, limit }) => SetError::TooLarge { length, limit }.to_string(),
            sent => return sent,
        },
        Err(why) => why,
    };
    let (aggregate, emission_id) = (&*result.aggregate, &result.emission_id);
    tracing::warn!(aggregate, %emission_id, why, "a set is sent without its value");
    protocol.send_set(outline(result), &why)
}

/// All of it, or why it cannot be said. Payloads go as they came, and no value is copied to be written.
fn whole(result: &AggregatedResult) -> Result<Bytes, String> {
    let mut unsayable = None;
    let set = ValueWriter::whole(|place| {
        place.object(|fields| {
            let mut write = Writing { fields, unsayable: &mut unsayable };
            head(result, &mut write)?;
            write.merged("value", &result.value)?;
            if !result.provenance.is_empty() {
                write.field("provenance", &result.provenance)?;
            }
            counts(result, &mut write)?;
            if !result.repeats.is_empty() {
                write.field("repeats", &result.repeats)?;
            }
            write.field("contributors", &result.contributors)?;
            write.field("missing", &result.missing)?;
            write.field("conflicts", &result.conflicts)?;
            times(result, &mut write)
        })
    });
    match (unsayable, set) {
        (None, Ok(set)) => Ok(set),
        (Some(why), _) => Err(why),
        (None, Err(deep)) => Err(deep.to_string()),
    }
}

/// What is left if nothing can be said but numbers and words.
fn outline(result: &AggregatedResult) -> Bytes {
    let set = ValueWriter::whole(|place| {
        place.object(|fields| {
            let mut write = Writing { fields, unsayable: &mut None };
            head(result, &mut write)?;
            counts(result, &mut write)?;
            times(result, &mut write)
        })
    });
    set.expect("it is flat")
}

fn head(result: &AggregatedResult, write: &mut Writing<'_, '_>) -> Result<(), DepthError> {
    write.field("aggregate", &result.aggregate)?;
    write.field("correlation_id", &result.correlation_id)?;
    write.field("emission_id", &result.emission_id)?;
    write.field("generation", &result.generation)?;
    write.field("revision", &result.revision)?;
    write.field("outcome", &result.outcome)?;
    write.field("reason", &result.reason)
}

fn counts(result: &AggregatedResult, write: &mut Writing<'_, '_>) -> Result<(), DepthError> {
    write.field("results", &result.results)?;
    write.field("duplicates", &result.duplicates)
}

fn times(result: &AggregatedResult, write: &mut Writing<'_, '_>) -> Result<(), DepthError> {
    write.field("opened_at", &result.opened_at)?;
    write.field("released_at", &result.released_at)?;
    write.field("latency_us", &result.latency_us)
}

struct Writing<'a, 'f> {
    fields: &'a mut Fields<'f>,
    /// What no value can say, if anything.
    unsayable: &'a mut Option<String>,
}

impl Writing<'_, '_> {
    fn field(&mut self, name: &str, what: &impl Serialize) -> Result<(), DepthError> {
        let mut cannot =
            |why: &dyn Display| *self.unsayable = Some(format!("`{name}` cannot be said: {why}"));
        let value = to_value(what).unwrap_or_else(|error| {
            cannot(&error);
            Value::Null
        });
        self.fields.field(name, |place| {
            place.value(&value).or_else(|deep| {
                cannot(&deep);
                place.value(&format!("{value:?}").into())
            })
        })
    }

    fn merged(&mut self, name: &str, what: &Merged) -> Result<(), DepthError> {
        self.fields.field(name, |place| merged(place, what))
    }
}

fn merged(place: &mut ValueWriter<'_>, what: &Merged) -> Result<(), DepthError> {
    match what {
        Merged::Value(value) => place.value(value),
        Merged::Payload(payload) => match place.payload(payload) {
            Ok(()) => Ok(()),
            // As text sinks say it; what is only too deep here stays too deep.
            Err(_) => readable(place, what),
        },
        Merged::Array(parts) => place.array(|elements| {
            parts.iter().try_for_each(|part| elements.element(|place| merged(place, part)))
        }),
        Merged::Object(parts) => place.object(|fields| {
            parts.iter().try_for_each(|(name, part)| fields.field(name, |place| merged(place, part)))
        }),
        other => readable(place, other),
    }
}

fn readable(place: &mut ValueWriter<'_>, what: &Merged) -> Result<(), DepthError> {
    place.value(&what.readable().to_value().expect("what is readable can be decoded"))
}
