//! From a line to a result.

use stook_types::{CorrelationId, Topic, Value};

/// How lines are read.
pub(super) struct Reader {
    /// At least one.
    pub(super) topics: Vec<Topic>,
    pub(super) topic_field: Option<String>,
    pub(super) id_field: Option<String>,
    pub(super) last_field: Option<String>,
    /// Longest line in bytes.
    pub(super) limit: usize,
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) struct Read<'a> {
    pub(super) topic: &'a Topic,
    /// If the line says it.
    pub(super) id: Option<CorrelationId>,
    /// Whether it says that it is the last of its ID.
    pub(super) last: bool,
    pub(super) value: Value,
}

impl Reader {
    /// Reads a line; or says why it is none.
    pub(super) fn read(&self, line: &[u8]) -> Result<Read<'_>, String> {
        let value: Value = serde_json::from_slice(line).map_err(|error| format!("it is no JSON: {error}"))?;
        let topic = self.topic_field.as_ref().and_then(|field| value.at(&[field]));
        let topic = match topic {
            None => &self.topics[0],
            Some(said) => {
                let known = self.topics.iter().find(|topic| said.as_str() == Some(topic.as_str()));
                known.ok_or_else(|| format!("its topic {said:?} is none of those of --topic"))?
            }
        };
        let id = self.id_field.as_ref().map(|field| id(&value, field)).transpose()?;
        let last =
            self.last_field.as_ref().is_some_and(|field| value.at(&[field]) == Some(&Value::Bool(true)));
        Ok(Read { topic, id, last, value })
    }
}

fn id(value: &Value, field: &str) -> Result<CorrelationId, String> {
    let text = match value.at(&[field]) {
        None => return Err(format!("it has no field `{field}`")),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        Some(other) => {
            return Err(format!(
                "its field `{field}` is of type {}; an id is a string or an int",
                other.type_name()
            ));
        }
    };
    CorrelationId::new(&text).map_err(|error| format!("its field `{field}` is no id: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        let topics = ["t.a", "t.b"].map(|topic| Topic::new(topic).expect("valid")).into();
        Reader {
            topics,
            topic_field: Some("topic".into()),
            id_field: Some("job".into()),
            last_field: Some("end".into()),
            limit: 100,
        }
    }

    #[track_caller]
    fn says(line: &str, topic: &str, id: &str) {
        let reader = reader();
        let read = reader.read(line.as_bytes()).expect("a result");
        assert_eq!((read.topic.as_str(), read.id.map(|id| id.to_string())), (topic, Some(id.to_owned())));
    }

    #[track_caller]
    fn wrong(line: &str, why: &str) {
        let said = reader().read(line.as_bytes()).expect_err("no result");
        assert!(said.starts_with(why), "{said}");
    }

    #[test]
    fn a_line_says_its_topic_and_its_id() {
        says(r#"{"job": "x"}"#, "t.a", "x");
        says(r#"{"job": 7, "topic": "t.b"}"#, "t.b", "7");
    }

    #[test]
    fn a_line_says_that_it_is_the_last() {
        let last = |line: &str| reader().read(line.as_bytes()).map(|read| read.last);
        assert_eq!(last(r#"{"job": 1, "end": true}"#), Ok(true));
        assert_eq!(last(r#"{"job": 1, "end": "true"}"#), Ok(false));
        assert_eq!(last(r#"{"job": 1}"#), Ok(false));
    }

    #[test]
    fn or_it_is_none() {
        wrong("PID TTY", "it is no JSON: expected value");
        wrong(r#"{"job": 1, "topic": "t.c"}"#, "its topic \"t.c\" is none of those of --topic");
        wrong(r#"{"job": 1, "topic": 2}"#, "its topic 2 is none");
        wrong("{}", "it has no field `job`");
        wrong("[1]", "it has no field `job`");
        wrong(r#"{"job": 1.5}"#, "its field `job` is of type float");
        wrong(r#"{"job": ""}"#, "its field `job` is no id");
    }
}
