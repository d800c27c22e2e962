//! Sets that meet by payload values instead of the correlation ID.

use stook_engine::{AggregateSpec, KeySpec};
use stook_plugin::SetKey;
use stook_types::{MonoTime, Value};

use crate::harness::{Rig, shot, spec};
use crate::policies::count;

fn by(paths: &[&[&str]]) -> AggregateSpec {
    let paths = paths.iter().map(|path| path.iter().map(ToString::to_string).collect()).collect();
    AggregateSpec { key: KeySpec::Paths(paths), completion: vec![count(2)], ..spec() }
}

#[test]
fn a_compound_key() {
    let mut rig = Rig::new(by(&[&["host"], &["pid"]]));
    for (n, key) in
        [r#""host":"a","pid":1"#, r#""host":"b","pid":1"#, r#""host":"a","pid":2"#, r#""pid":1,"host":"a""#]
            .iter()
            .enumerate()
    {
        assert_eq!(rig.shoot(&shot("p1", &n.to_string(), format!("{{{key}}}"))), "accepted");
    }
    let lines = rig.emitted();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(r#"["a", 1] complete count"#), "{}", lines[0]);
    assert_eq!(rig.open_sets(), 2);
}

#[test]
fn keys_are_typed() {
    let mut rig = Rig::new(by(&[&["k"]]));
    for json in ["1", "\"1\"", "1.0", "null", "true", "[1]", "{}"] {
        assert_eq!(rig.offer("p1", "1", format!("{{\"k\":{json}}}")), "accepted");
    }
    assert!(rig.emitted().is_empty());
    assert_eq!(rig.open_sets(), 7);
}

#[test]
fn a_path_is_an_array_of_names_and_a_dot_means_nothing() {
    let mut rig = Rig::new(by(&[&["a", "b"]]));
    assert_eq!(rig.offer("p1", "1", r#"{"a":{"b":1}}"#), "accepted");
    assert_eq!(rig.offer("p1", "1", r#"{"a.b":1}"#), "refused missing-key");
}

#[test]
fn a_missing_key_is_refused_and_opens_nothing() {
    let mut rig = Rig::new(by(&[&["k"]]));
    rig.offer("p1", "1", r#"{"k":1}"#);
    assert_eq!(rig.offer("p1", "1", "{}"), "refused missing-key");
    assert_eq!(rig.offer("p1", "1", "5"), "refused missing-key");
    assert_eq!(rig.offer("p1", "1", "{"), "refused decode");
    assert_eq!(rig.open_sets(), 1);
    rig.offer("p1", "1", r#"{"k":1}"#);
    assert_eq!(rig.emitted().len(), 1);
    assert_eq!(rig.offer("p1", "1", r#"{"k":1}"#), "late");
}

#[test]
fn a_set_is_forced_by_its_values() {
    let mut rig = Rig::new(by(&[&["k"]]));
    rig.hold = true;
    rig.offer("p1", "1", r#"{"k":"x"}"#);
    let key = SetKey::Values([Value::from("x")].into());
    let mut out = Vec::new();
    assert_eq!(rig.engine.force(MonoTime::ZERO, 0, Some(&key), &mut out), 1);
    assert_eq!(rig.engine.force(MonoTime::ZERO, 0, Some(&key), &mut out), 0);
    assert_eq!(out.len(), 1);
}
