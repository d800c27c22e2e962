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
    // Taken apart, so that a new field is not forgotten here.
    let AggregatedResult {
        aggregate: _,
        correlation_id: _,
        emission_id: _,
        generation: _,
        revision: _,
        outcome: _,
        reason: _,
        error: _,
        value,
        provenance,
        results: _,
        duplicates: _,
        repeats,
        contributors,
        missing,
        conflicts,
        opened_at: _,
        released_at: _,
        latency_us: _,
    } = result;
    let mut unsayable = None;
    let set = ValueWriter::whole(|place| {
        place.object(|fields| {
            let mut write = Writing { fields, unsayable: &mut unsayable };
            outlined(result, &mut write)?;
            write.fields.field("value", |place| merged(place, value))?;
            if !provenance.is_empty() {
                write.field("provenance", provenance)?;
            }
            if !repeats.is_empty() {
                write.field("repeats", repeats)?;
            }
            write.field("contributors", contributors)?;
            write.field("missing", missing)?;
            write.field("conflicts", conflicts)
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
            outlined(result, &mut write)
        })
    });
    set.expect("it is flat")
}

fn outlined(result: &AggregatedResult, write: &mut Writing<'_, '_>) -> Result<(), DepthError> {
    write.field("aggregate", &result.aggregate)?;
    write.field("correlation_id", &result.correlation_id)?;
    write.field("emission_id", &result.emission_id)?;
    write.field("generation", &result.generation)?;
    write.field("revision", &result.revision)?;
    write.field("outcome", &result.outcome)?;
    write.field("reason", &result.reason)?;
    if let Some(error) = &result.error {
        write.field("error", error)?;
    }
    write.field("results", &result.results)?;
    write.field("duplicates", &result.duplicates)?;
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

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
