//! What the tests of the rules share.

use stook_types::Value;

use super::Fields;
use crate::testing::{json, lines, merge, permutations, results};

/// What `fields` with these options makes of these payloads.
pub(super) fn fields(options: &str, sent: &[(&str, &str)], value: &str, conflicts: &[&str]) {
    let (merged, found) = merge::<Fields>(options, &results(sent));
    assert_eq!(merged, json(value), "{options} {sent:?}");
    assert_eq!(lines(&found), conflicts, "{options} {sent:?}");
}

/// The merged `n` of payloads `{"n": value}` of `p0`, `p1`, …, by a rule's name or JSON table.
fn fold(rule: &str, values: &[&str]) -> (Option<Value>, Vec<String>) {
    let rule = if rule.starts_with('{') { rule.to_owned() } else { format!("\"{rule}\"") };
    let sent: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| (format!("p{index}"), format!(r#"{{"n":{value}}}"#)))
        .collect();
    let sent: Vec<_> = sent.iter().map(|(collector, json)| (collector.as_str(), json.as_str())).collect();
    let (value, conflicts) = merge::<Fields>(&format!(r#"{{"rules":{{"n":{rule}}}}}"#), &results(&sent));
    (value.at(&["n"]).cloned(), lines(&conflicts))
}

/// That the rule makes this value of these.
pub(super) fn check(rule: &str, values: &[&str], value: &str, conflicts: &[&str]) {
    let (merged, found) = fold(rule, values);
    assert_eq!(merged, Some(json(value)), "{rule} {values:?}");
    assert_eq!(found, conflicts, "{rule} {values:?}");
}

/// That the rule makes nothing of these.
pub(super) fn absent(rule: &str, values: &[&str], conflicts: &[&str]) {
    let (merged, found) = fold(rule, values);
    assert_eq!(merged, None, "{rule} {values:?}");
    assert_eq!(found, conflicts, "{rule} {values:?}");
}

/// Every order of these.
pub(super) fn permuted(values: &[&'static str]) -> Vec<Vec<&'static str>> {
    permutations(values)
}
