//! One step: something that happens at some time.

use stook_plugin::SetKey;
use stook_types::units::Span;
use stook_types::{CollectorId, CorrelationId, MonoTime, Payload, Topic, TopicError, Value};
use toml::de::DeValue;

use super::super::json;
use super::super::model::{Action, Sent, Step};
use super::super::names::Named;
use super::super::toml::{Node, Reader, Table};

/// What a step can be, by the key that says so, and which other keys it has.
const KINDS: &[(&str, &[&str])] = &[
    ("from", &["topic", "id", "value", "json", "raw", "seq", "incarnation", "timestamp", "last"]),
    ("open", &["id", "expected"]),
    ("task", &["id", "expected"]),
    ("finished", &["id"]),
    ("failed", &["id"]),
    ("died", &[]),
    ("connected", &["incarnation"]),
    ("force", &["id"]),
    ("deliver", &[]),
    ("shutdown", &[]),
];

pub(super) fn read<'i>(reader: &Reader<'i>, node: &Node<'i>) -> Option<Step> {
    let table = Table::open(reader, "a step", node)?;
    let kind = kind(&table)?;
    // All that is wrong with it is noted, before it is given up for any of that.
    let at = table.require("a step", "at").and_then(|_| table.parsed("at"));
    let action = action(&table, kind);
    let (line, column) = reader.line_and_column(node.span().start);
    let Span(at) = at?;
    Some(Step { at: MonoTime::at(at), line, column, action: action? })
}

fn action(table: &Table<'_, '_>, kind: &str) -> Option<Action> {
    let action = match kind {
        "from" => Action::Result(Box::new(sent(table)?)),
        "open" | "task" => announce(table, kind)?,
        "finished" | "failed" => Action::TaskEnded {
            collector: table.parsed(kind)?,
            key: given_key(table)?,
            ends: Vec::new(),
            failed: kind == "failed",
        },
        "died" => Action::Died(somebody(table, kind)?),
        "connected" => Action::Connected {
            collector: somebody(table, kind)?,
            incarnation: table.text("incarnation").map(str::to_owned),
        },
        "force" => {
            let key = given_key(table)?;
            Action::Force { aggregate: aggregate(table, kind, key.as_ref())?, key }
        }
        "deliver" => Action::Deliver(table.parsed(kind)?),
        _ => {
            if !table.flag(kind) {
                table.reader.wrong(table.place.clone(), "`shutdown` has one value: true");
            }
            Action::Shutdown
        }
    };
    Some(action)
}

/// A collector to which something happens: it must be somewhere else too.
fn somebody(table: &Table<'_, '_>, kind: &str) -> Option<CollectorId> {
    let id: CollectorId = table.parsed(kind)?;
    table.reader.mention(table.get(kind)?.span(), Named::Collector(id.clone()));
    Some(id)
}

/// The aggregate that a step names, of which this is to be a key.
fn aggregate(table: &Table<'_, '_>, kind: &str, key: Option<&SetKey>) -> Option<String> {
    let name = table.text(kind)?.to_owned();
    table.reader.mention(table.get(kind)?.span(), Named::Aggregate(name.clone()));
    if let (Some(node), Some(key)) = (table.get("id").or(table.get(kind)), key) {
        table.reader.mention(node.span(), Named::Key { key: key.clone(), of: Some(name.clone()) });
    }
    Some(name)
}

/// Which kind of step this is; notes keys that it does not have.
fn kind(table: &Table<'_, '_>) -> Option<&'static str> {
    let given: Vec<_> = KINDS.iter().filter(|(kind, _)| table.get(kind).is_some()).collect();
    match given[..] {
        [(kind, keys)] => {
            let known: Vec<&str> = ["at", kind].into_iter().chain(keys.iter().copied()).collect();
            table.only(&format!("this `{kind}` step"), &known);
            Some(kind)
        }
        [(first, _), (second, _), ..] => {
            let message = format!("a step does one thing, and this has `{first}` and `{second}`");
            table.reader.wrong(table.place.clone(), message);
            None
        }
        [] => {
            let kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
            let mut known: Vec<_> = ["at"].into_iter().chain(kinds.iter().copied()).collect();
            for key in KINDS.iter().flat_map(|(_, keys)| keys.iter()) {
                if !known.contains(key) {
                    known.push(key);
                }
            }
            // Most likely it is the misspelt key that says what the step does.
            if table.only("a step", &known) {
                let help = format!("write one of {}", kinds.join(", "));
                table.reader.wrong_help(table.place.clone(), "this step does nothing", help);
            }
            None
        }
    }
}

fn sent(table: &Table<'_, '_>) -> Option<Sent> {
    let (from, topic, payload) = (table.parsed("from"), topic(table), payload(table));
    let id = match table.get("id") {
        Some(_) => table.parsed("id"),
        None => Some(any_id()),
    };
    Some(Sent {
        from: from?,
        incarnation: table.text("incarnation").map(str::to_owned),
        topic: topic?,
        id: id?,
        payload: payload?,
        sequence: table.number("seq"),
        timestamp: timestamp(table),
        last: table.flag("last"),
    })
}

/// The topic of a result; none if it is the host's own.
fn topic(table: &Table<'_, '_>) -> Option<Option<Topic>> {
    let node = table.require("a result", "topic")?;
    match Topic::new(table.text("topic")?) {
        Ok(topic) => Some(Some(topic)),
        // A collector may try.
        Err(TopicError::Reserved(_)) => Some(None),
        Err(error) => {
            table.reader.wrong(node.span(), format!("bad `topic`: {error}"));
            None
        }
    }
}

fn payload(table: &Table<'_, '_>) -> Option<Payload> {
    let value = content(table, &["value", "json", "raw"])?;
    match (value, table.get("raw")) {
        (_, Some(_)) => Some(json::raw(table.text("raw")?.into())),
        (Some(value), None) => Some(json::payload(&value)),
        (None, None) => {
            let help =
                "write value = { n = 1 }; where TOML has no word for it json = 'null'; raw = \"\" for bytes";
            table.reader.wrong_help(table.place.clone(), "a result has no `value`", help);
            None
        }
    }
}

/// The value that is given as TOML (`value`) or as JSON text (`json`), if one is. `keys` exclude each other.
pub(super) fn content(table: &Table<'_, '_>, keys: &[&str]) -> Option<Option<Value>> {
    let given: Vec<_> = keys.iter().filter_map(|key| Some((key, table.get(key)?))).collect();
    match given[..] {
        [] => Some(None),
        [(&"json", node)] => match serde_json::from_str(table.text("json")?) {
            Ok(value) => Some(Some(value)),
            Err(error) => {
                table.reader.wrong(node.span(), format!("`json` is no JSON: {error}"));
                None
            }
        },
        [(_, node)] => table.reader.value(node).map(Some),
        [(first, _), (second, node), ..] => {
            table.reader.wrong(node.span(), format!("`{second}` beside `{first}`: keep one"));
            None
        }
    }
}

/// Microseconds since 1970, or as long after it as a duration says.
fn timestamp(table: &Table<'_, '_>) -> Option<i64> {
    let node = table.get("timestamp")?;
    match node.get_ref() {
        DeValue::String(_) => {
            let Span(since) = table.parsed("timestamp")?;
            i64::try_from(since.as_micros()).ok()
        }
        _ => {
            let micros = table.reader.value(node)?.as_int();
            if micros.is_none() {
                let message =
                    "`timestamp` is a number of microseconds since 1970, or a duration like \"3ms\"";
                table.reader.wrong(node.span(), message);
            }
            micros
        }
    }
}

fn announce(table: &Table<'_, '_>, kind: &str) -> Option<Action> {
    table.require(&format!("this `{kind}` step"), "expected");
    let mut expected: Vec<CollectorId> = Vec::new();
    for node in table.list("expected") {
        match table.reader.parse("collector in `expected`", node) {
            // By a task it may have two parts.
            Some(id) if kind == "open" && expected.contains(&id) => {
                table.reader.wrong(node.span(), format!("`{id}` is expected twice"));
            }
            id => expected.extend(id),
        }
    }
    let key = given_key(table)?.unwrap_or(SetKey::Id(any_id()));
    Some(Action::Announce {
        aggregate: aggregate(table, kind, Some(&key))?,
        key,
        expected,
        by_task: kind == "task",
    })
}

/// A correlation ID, or the array of key values where an aggregate has a `key` of paths.
pub(super) fn key<'i>(reader: &Reader<'i>, node: &Node<'i>) -> Option<SetKey> {
    match node.get_ref() {
        DeValue::Array(_) => match reader.value(node)? {
            Value::Array(values) => Some(SetKey::Values(values.into())),
            _ => None,
        },
        _ => reader.parse::<CorrelationId>("`id`", node).map(SetKey::Id),
    }
}

/// The key that the step gives, if it gives one; `None` if that is wrong.
fn given_key(table: &Table<'_, '_>) -> Option<Option<SetKey>> {
    match table.get("id") {
        Some(node) => key(table.reader, node).map(Some),
        None => Some(None),
    }
}

/// The correlation ID of steps that name none.
fn any_id() -> CorrelationId {
    CorrelationId::new("1").expect("it is valid")
}
