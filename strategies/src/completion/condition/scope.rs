//! Evaluating a condition.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::Val;
use cel::{Context, Value as Cel};
use stook_plugin::{Contribution, SetView};
use stook_types::Value;

use super::compile::{ENV, Program};
use super::names::{Parts, ResultField, SetField};

type Boxed<'v> = Box<dyn Val + 'v>;

impl Program {
    /// The paths of the merged value that it reads.
    pub(super) fn reads_value(&self) -> &[Vec<String>] {
        &self.names.reads
    }

    /// Whether the condition holds; `None` if that cannot be said, because a field is not there or not of the type
    /// that it takes. `result` is given where the condition may name it.
    pub(super) fn holds(&self, set: &SetView<'_>, result: Option<&Contribution>) -> Option<bool> {
        let decoded = match result {
            Some(result) if self.names.result.contains_key(&ResultField::Value) => {
                result.payload.decode().ok()?
            }
            _ => Value::Null,
        };
        let mut context = Context::with_env(Arc::clone(&ENV));
        let of_set =
            self.names.set.iter().map(|(field, parts)| (field.as_str(), set_field(set, *field, parts)));
        context.add_variable_as_val("set", Box::new(map(of_set)));
        if let Some(result) = result {
            let field = |field: &ResultField, parts| result_field(result, &decoded, *field, parts);
            let of_result = self.names.result.iter().map(|(name, parts)| (name.as_str(), field(name, parts)));
            context.add_variable_as_val("result", Box::new(map(of_result)));
        }
        let said = Cel::resolve_val(&self.expression, &context).ok()?;
        said.downcast_ref::<CelBool>().map(|holds| *holds.inner())
    }
}

fn result_field<'v>(
    result: &'v Contribution,
    decoded: &'v Value,
    field: ResultField,
    parts: &Parts,
) -> Boxed<'v> {
    match field {
        ResultField::Value => parts.pick(decoded),
        ResultField::Collector => Box::new(CelString::from(result.source.collector.as_str())),
        ResultField::Topic => Box::new(CelString::from(result.topic.as_str())),
        ResultField::Sequence => number(result.sequence),
        ResultField::Last => Box::new(CelBool::from(result.last)),
    }
}

fn set_field<'v>(set: &SetView<'v>, field: SetField, parts: &Parts) -> Boxed<'v> {
    match field {
        SetField::Count => number(set.results.len() as u64),
        SetField::Bytes => number(set.bytes as u64),
        SetField::Collectors => {
            let ids = contributors(set).into_iter().map(|id| Box::new(CelString::from(id)) as Boxed<'v>);
            Box::new(CelList::from(ids.collect::<Vec<_>>()))
        }
        // Before the first result there may be no value at all, which is one without fields.
        SetField::Value => {
            set.value.map_or_else(|| Box::new(CelMap::default()) as _, |value| parts.pick(value))
        }
        SetField::AgeMs => number(u64::try_from(set.age.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// The collectors whose results are in the set, sorted. Each is a member, so that nobody is left to look for once there are
/// as many: that is soon, unless a member is silent.
fn contributors<'v>(set: &SetView<'v>) -> BTreeSet<&'v str> {
    let mut found = BTreeSet::new();
    for result in set.results {
        if found.insert(result.source.collector.as_str()) && found.len() == set.members.len() {
            break;
        }
    }
    found
}

impl Parts {
    /// A value as CEL has it, with those of its parts that are named. Text and bytes are not copied.
    fn pick<'v>(&self, value: &'v Value) -> Boxed<'v> {
        match value {
            Value::Null => Box::new(CelNull),
            Value::Bool(value) => Box::new(CelBool::from(*value)),
            Value::Int(value) => Box::new(CelInt::from(*value)),
            Value::Float(value) => Box::new(CelDouble::from(*value)),
            Value::String(value) => Box::new(CelString::from(value.as_str())),
            Value::Bytes(value) => Box::new(CelBytes::from(&**value)),
            // Nothing is named inside but what cannot be there.
            Value::Array(_) if !self.whole => Box::new(CelList::from(Vec::new())),
            Value::Array(values) => Box::new(CelList::from(values.iter().map(whole).collect::<Vec<_>>())),
            Value::Object(fields) if self.whole => {
                Box::new(map(fields.iter().map(|(name, value)| (name.as_str(), whole(value)))))
            }
            Value::Object(fields) => {
                let part = |(name, parts): (&String, &Self)| {
                    let (name, value) = fields.get_key_value(name)?;
                    Some((name.as_str(), parts.pick(value)))
                };
                Box::new(map(self.named.iter().filter_map(part)))
            }
        }
    }
}

fn whole(value: &Value) -> Boxed<'_> {
    Parts { whole: true, ..Parts::default() }.pick(value)
}

fn map<'v>(fields: impl Iterator<Item = (&'v str, Boxed<'v>)>) -> CelMap<'v> {
    let key = |name| CelMapKey::String(CelString::from(name));
    fields.map(|(name, value)| (key(name), value)).collect::<HashMap<_, _>>().into()
}

/// CEL calculates with signed numbers; what is beyond them is the largest.
fn number<'v>(number: u64) -> Boxed<'v> {
    Box::new(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX)))
}
