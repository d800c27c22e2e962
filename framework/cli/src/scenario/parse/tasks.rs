//! Which task `finished` and `failed` end.

use std::ops::Range;

use stook_plugin::SetKey;
use stook_types::CollectorId;

use super::super::model::{Action, Step};
use super::super::toml::Reader;

/// A task that a collector works at, in one of the sets that were told of it.
struct Open {
    collector: CollectorId,
    aggregate: String,
    key: SetKey,
}

/// Fills in the sets that each `finished` and `failed` is about: one task of the collector under the `id` given, or
/// under the only one that it works at; the same in every aggregate that was told of it.
pub(super) fn resolve(reader: &Reader<'_>, steps: &mut [Step], places: &[Range<usize>]) {
    let mut open: Vec<Open> = Vec::new();
    for (step, place) in steps.iter_mut().zip(places) {
        match &mut step.action {
            Action::Announce { aggregate, key, expected, by_task: true } => {
                open.extend(expected.iter().map(|collector| Open {
                    collector: collector.clone(),
                    aggregate: aggregate.clone(),
                    key: key.clone(),
                }));
            }
            Action::TaskEnded { collector, key, ends, .. } => match end(&mut open, collector, key.as_ref()) {
                Ok(ended) => *ends = ended,
                Err(message) => reader.wrong(place.clone(), message),
            },
            _ => {}
        }
    }
}

fn end(
    open: &mut Vec<Open>,
    collector: &CollectorId,
    key: Option<&SetKey>,
) -> Result<Vec<(String, SetKey)>, String> {
    let mine = |task: &&Open| task.collector == *collector && key.is_none_or(|key| task.key == *key);
    let mut keys: Vec<SetKey> = Vec::new();
    for task in open.iter().filter(mine) {
        if !keys.contains(&task.key) {
            keys.push(task.key.clone());
        }
    }
    let key = match &keys[..] {
        [key] => key.clone(),
        [] => return Err(format!("`{collector}` has no task to end here")),
        several => {
            let ids = several.iter().map(SetKey::to_string).collect::<Vec<_>>().join(", ");
            return Err(format!("`{collector}` has tasks under several ids ({ids}): say which with `id`"));
        }
    };
    let mut ended: Vec<(String, SetKey)> = Vec::new();
    open.retain(|task| {
        let ends = task.collector == *collector
            && task.key == key
            && ended.iter().all(|(aggregate, _)| *aggregate != task.aggregate);
        if ends {
            ended.push((task.aggregate.clone(), key.clone()));
        }
        !ends
    });
    Ok(ended)
}
