//! As much of JSON Schema as the schema of configs uses.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

pub(super) struct Schema {
    root: Value,
    patterns: RefCell<BTreeMap<String, Regex>>,
}

impl Schema {
    pub(super) fn new(root: Value) -> Self {
        Self { root, patterns: RefCell::default() }
    }

    /// Whether the schema takes a value, or where it does not.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        self.at(&self.root, value, "")
    }

    fn at(&self, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, says) in schema {
            self.keyword(schema, keyword, says, value, path)?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        schema: &serde_json::Map<String, Value>,
        keyword: &str,
        says: &Value,
        value: &Value,
        path: &str,
    ) -> Result<(), String> {
        let list = || says.as_array().unwrap();
        let matching = || list().iter().filter(|one| self.at(one, value, path).is_ok()).count();
        let fits = match keyword {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            "$ref" => {
                let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
                let definition = self.root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
                return self.at(definition, value, path);
            }
            "type" if says.is_array() => list().iter().any(|says| is(value, says)),
            "type" => is(value, says),
            "const" => value == says,
            "enum" => list().contains(value),
            "anyOf" => matching() > 0,
            "oneOf" => matching() == 1,
            "minimum" => value.as_i64().is_none_or(|value| value >= says.as_i64().unwrap()),
            "minItems" => value.as_array().is_none_or(|of| of.len() as u64 >= says.as_u64().unwrap()),
            "pattern" => {
                let mut patterns = self.patterns.borrow_mut();
                let pattern = says.as_str().unwrap();
                let pattern =
                    patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap());
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "required" => value
                .as_object()
                .is_none_or(|fields| list().iter().all(|name| fields.contains_key(name.as_str().unwrap()))),
            "items" => {
                for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                    self.at(says, element, &format!("{path}[{index}]"))?;
                }
                true
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    if let Some(says) = says.get(name) {
                        self.at(says, field, &format!("{path}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &str| schema.get("properties").is_some_and(|of| of.get(name).is_some());
                for (name, field) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name))
                {
                    let path = format!("{path}.{name}");
                    match says {
                        Value::Bool(false) => return Err(format!("{path} is not known")),
                        says => self.at(says, field, &path)?,
                    }
                }
                true
            }
            other => panic!("`{other}` is not understood here"),
        };
        if fits { Ok(()) } else { Err(format!("{path} = {value} is not of {keyword} {says}")) }
    }
}

fn is(value: &Value, says: &Value) -> bool {
    match says.as_str().unwrap() {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    }
}
