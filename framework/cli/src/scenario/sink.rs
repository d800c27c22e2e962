//! The sink of a scenario: takes what is released, or lets it wait.

use std::collections::VecDeque;

use stook_engine::Emission;
use stook_types::MonoTime;
use stook_types::Value;
use stook_types::units::Span;

use super::model::Mood;
use super::pattern::Record;
use super::peers::Peers;

pub(super) struct Sink {
    mood: Mood,
    /// Offered and not taken, in order of release. A sink that fails is tried again when it is well: between the
    /// failures nothing could be seen.
    waiting: VecDeque<Emission>,
    /// Taken, each as its JSON says it.
    pub(super) taken: Vec<Record>,
}

impl Default for Sink {
    fn default() -> Self {
        Self { mood: Mood::Ok, waiting: VecDeque::new(), taken: Vec::new() }
    }
}

impl Sink {
    pub(super) fn turn(&mut self, mood: Mood) {
        self.mood = mood;
    }

    pub(super) fn offer(&mut self, emission: Emission) {
        self.waiting.push_back(emission);
    }

    /// Takes what waits, if it takes anything at present. Gives whether it took something.
    pub(super) fn take(&mut self, now: MonoTime, peers: &Peers) -> Result<bool, String> {
        if self.mood != Mood::Ok || self.waiting.is_empty() {
            return Ok(false);
        }
        for emission in self.waiting.drain(..) {
            let record = record(&emission, now, peers).map_err(|error| {
                format!("an emission of `{}` cannot be written as JSON: {error}", emission.result.aggregate)
            })?;
            self.taken.push(record);
            emission.settlement.delivered();
        }
        Ok(true)
    }
}

/// An emission as a consumer reads it, with the words of scenarios.
fn record(emission: &Emission, now: MonoTime, peers: &Peers) -> serde_json::Result<Record> {
    let result = &emission.result;
    // As the shipped sink does with payloads that cannot be decoded.
    let json = serde_json::to_vec(result).or_else(|_| serde_json::to_vec(&result.readable()))?;
    let mut record: Record = serde_json::from_slice(&json)?;
    record.insert("at".to_owned(), Value::String(Span(now.since_origin()).to_string()));
    if let Some(id) = record.remove("correlation_id") {
        record.insert("id".to_owned(), id);
    }
    if let Some(Value::Array(contributors)) = record.get_mut("contributors") {
        contributors.iter_mut().for_each(|contributor| name_incarnation(contributor, peers));
    }
    Ok(record)
}

fn name_incarnation(contributor: &mut Value, peers: &Peers) {
    let Value::Object(fields) = contributor else { return };
    if let Some(Value::String(incarnation)) = fields.get_mut("incarnation")
        && let Some(name) = peers.incarnation_name(incarnation)
    {
        *incarnation = name.to_owned();
    }
}
