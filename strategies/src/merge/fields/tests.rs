use stook_plugin::conformance;

use super::rule::{AnyRule, RULES};
use super::testing::fields;
use super::total::Overflow;
use super::*;
use crate::testing::{json, lines, made, merge, n, payload, result, results};

#[test]
fn unites_fields_and_takes_the_first_by_default() {
    fields("{}", &[("p1", r#"{"idle":42}"#), ("p2", r#"{"guest":7}"#)], r#"{"idle":42,"guest":7}"#, &[]);
    fields("{}", &[("p1", r#"{"a":{"x":1}}"#), ("p2", r#"{"a":{"y":2}}"#)], r#"{"a":{"x":1}}"#, &[]);
    fields(
        r#"{"default":"last"}"#,
        &[("p1", r#"{"a":1,"b":2}"#), ("p2", r#"{"a":3}"#)],
        r#"{"a":3,"b":2}"#,
        &[],
    );
    fields("{}", &[], "{}", &[]);
    fields(r#"{"rules":{"a":"sum","b":"array"}}"#, &[], "{}", &[]);
    fields(r#"{"rules":{"a":"sum","b":"array"}}"#, &[("p1", "{}")], "{}", &[]);
}

#[test]
fn nothing_is_summed_that_no_rule_names() {
    fields("{}", &[("p1", r#"{"n":1}"#), ("p2", r#"{"n":2}"#)], r#"{"n":1}"#, &[]);
}

#[test]
fn interleaved_rules() {
    let options = r#"{"rules":{"counter":"sum","message":"first"}}"#;
    fields(
        options,
        &[
            ("p", r#"{"message":"m1","counter":1}"#),
            ("p", r#"{"counter":3,"message":"m3"}"#),
            ("p", r#"{"counter":4,"message":"m4","test_end":"y"}"#),
        ],
        r#"{"message":"m1","counter":8,"test_end":"y"}"#,
        &[],
    );
}

#[test]
fn the_wrong_type_is_skipped_and_recorded() {
    fields(
        r#"{"rules":{"foo":"concat","bar":"array","baz":"max"}}"#,
        &[
            ("p1", r#"{"foo":"first foo","bar":"first bar","baz":2}"#),
            ("p2", r#"{"foo":"second foo","bar":2,"baz":"not number"}"#),
            ("p3", r#"{"foo":10,"bar":"third bar","baz":3}"#),
        ],
        r#"{"foo":"first foo second foo","bar":["first bar",2,"third bar"],"baz":3}"#,
        &["baz type p2 string", "foo type p3 int"],
    );
}

#[test]
fn missing_is_not_null() {
    let options = r#"{"rules":{"a":"agree","b":"array","c":"sum"}}"#;
    fields(options, &[("p1", r#"{"a":1,"b":1,"c":1}"#), ("p2", "{}")], r#"{"a":1,"b":[1],"c":1}"#, &[]);
    fields(
        options,
        &[("p1", r#"{"a":1,"b":1,"c":1}"#), ("p2", r#"{"a":null,"b":null,"c":null}"#)],
        r#"{"b":[1,null],"c":1}"#,
        &["a disagree p2", "c type p2 null"],
    );
}

#[test]
fn paths_reach_inside_objects() {
    let options = r#"{
        "rules": {"id": "first", "arr": "first"},
        "paths": [{"path": ["message", "a", "b"], "use": "array"}, {"path": ["message", "num"], "use": "sum"}]
    }"#;
    // B19, but for where `num` stands: the expectation has it beside `a`.
    fields(
        options,
        &[
            ("p", r#"{"id":777,"message":{"a":{"b":[1,2]},"num":1},"arr":[{"a":1},{"b":1}]}"#),
            (
                "p",
                r#"{"id":777,"message":{"a":{"b":[3,4]},"num":2},"arr":[{"a":2},{"b":2}],"test_end":"done"}"#,
            ),
        ],
        r#"{"id":777,"message":{"a":{"b":[[1,2],[3,4]]},"num":3},"arr":[{"a":1},{"b":1}],"test_end":"done"}"#,
        &[],
    );
    // Beside a path, the default holds field by field.
    fields(
        options,
        &[("p1", r#"{"message":{"x":1,"y":{"z":1}}}"#), ("p2", r#"{"message":{"x":2,"w":3,"y":{"v":2}}}"#)],
        r#"{"message":{"x":1,"w":3,"y":{"z":1}}}"#,
        &[],
    );
    fields(
        options,
        &[("p1", r#"{"message":"text"}"#), ("p2", r#"{"message":{"num":1,"a":[]}}"#)],
        r#"{"message":{"num":1}}"#,
        &["message type p1 string", "message/a type p2 array"],
    );
    fields(options, &[("p1", r#"{"message":null}"#)], "{}", &["message type p1 null"]);
    fields(options, &[("p1", r#"{"message":{}}"#)], r#"{"message":{}}"#, &[]);
}

#[test]
fn a_nested_conflict_names_its_path() {
    let options = r#"{"paths":[{"path":["o","n"],"use":"sum"}]}"#;
    let sent = [
        ("p1", r#"{"o":{"n":9223372036854775807}}"#),
        ("p2", r#"{"o":{"n":1}}"#),
        ("p3", r#"{"o":{"n":"x"}}"#),
    ];
    fields(options, &sent, r#"{"o":{}}"#, &["o/n type p3 string", "o/n overflow p2"]);
}

#[test]
fn a_name_is_not_split_on_dots() {
    let sent = [("p1", r#"{"a.b":1,"a":{"b":1}}"#), ("p2", r#"{"a.b":2,"a":{"b":2}}"#)];
    fields(r#"{"rules":{"a.b":"sum"}}"#, &sent, r#"{"a.b":3,"a":{"b":1}}"#, &[]);
    fields(r#"{"paths":[{"path":["a","b"],"use":"sum"}]}"#, &sent, r#"{"a.b":1,"a":{"b":3}}"#, &[]);
}

#[test]
fn a_rule_for_a_whole_object_beats_those_below() {
    fields(
        r#"{"rules":{"events":"array"}}"#,
        &[
            ("p", r#"{"events":{"attrs":{"msg":"foo"},"sev":3}}"#),
            ("p", r#"{"events":{"attrs":{"msg":"bar"},"sev":4}}"#),
        ],
        r#"{"events":[{"attrs":{"msg":"foo"},"sev":3},{"attrs":{"msg":"bar"},"sev":4}]}"#,
        &[],
    );
}

#[test]
fn options_are_checked() {
    conformance::plugin::<Fields>(&[]);
}

#[test]
fn the_docs_name_every_rule_and_its_options() {
    let docs = <FieldsOptions as stook_plugin::Options>::SPECS[0].docs;
    for rule in RULES {
        assert!(docs.contains(&format!("`{}`", rule.name)), "{}", rule.name);
        for option in rule.options {
            assert!(docs.contains(&format!("`{}`", option.name)), "{}", option.name);
        }
    }
}

#[test]
fn what_is_no_object_is_a_conflict() {
    let sent = [("p1", "{"), ("p2", "null"), ("p3", "[]"), ("p4", r#"{"n":1}"#)];
    let unreadable = " decode p1 EOF while parsing an object at line 1 column 1";
    fields("{}", &sent, r#"{"n":1}"#, &[unreadable, " type p2 null", " type p3 array"]);
}

#[test]
fn nan_is_no_number() {
    let sent = [result("p1", payload(r#"{"n":1}"#)), result("p2", n(f64::NAN)), result("p3", n(2.5))];
    for (rule, value) in [("sum", 3.5), ("max", 2.5), ("mean", 1.75), ("range", 1.5), ("diff", 1.5)] {
        let (merged, conflicts) = merge::<Fields>(&format!(r#"{{"rules":{{"n":"{rule}"}}}}"#), &sent);
        assert_eq!(merged, Value::from([("n", value)]), "{rule}");
        assert_eq!(lines(&conflicts), ["n type p2 NaN"], "{rule}");
    }
}

#[test]
fn opposite_infinities_have_no_sum() {
    let infinite = [result("p1", n(f64::INFINITY)), result("p2", n(f64::NEG_INFINITY))];
    let rules = ["sum", "mean", "variance", "stdev", "range", "diff"].map(|rule| format!("\"{rule}\""));
    let float = r#"{"use":"sum","overflow":"float"}"#.to_owned();
    for rule in rules.into_iter().take(4).chain([float]) {
        let (merged, conflicts) = merge::<Fields>(&format!(r#"{{"rules":{{"n":{rule}}}}}"#), &infinite);
        assert_eq!((merged, lines(&conflicts)), (json("{}"), vec!["n overflow p2".to_owned()]), "{rule}");
    }
    let (merged, _) = merge::<Fields>(r#"{"default":{"use":"range","overflow":"float"}}"#, &infinite);
    assert_eq!(merged, Value::from([("n", f64::INFINITY)]));
}

fn algebra(options: &str) -> Algebra {
    made::<Fields>(options).algebra()
}

#[test]
fn promises_what_its_rules_promise() {
    let commutative = r#"{"rules":{"n":"sum"},"paths":[{"path":["o","n"],"use":"max"}],"default":"agree"}"#;
    assert!(algebra(commutative).commutative && !algebra(commutative).associative);
    assert!(!algebra("{}").commutative && algebra("{}").associative && algebra("{}").idempotent);
    assert_eq!(algebra("{}").memory, MemoryBound::Fields);
    assert_eq!(algebra(r#"{"paths":[{"path":["o","n"],"use":"array"}]}"#).memory, MemoryBound::Input);
}

/// A rule for every field, and the same by name and inside of an object, beside the default.
fn everywhere(rule: &AnyRule) -> [String; 2] {
    let name = rule.name;
    [
        format!(r#"{{"default":"{name}","provenance":true}}"#),
        format!(
            r#"{{"rules":{{"n":"{name}"}},"paths":[{{"path":["o","n"],"use":"{name}"}}],"default":"min","provenance":true}}"#
        ),
    ]
}

#[test]
fn every_rule_keeps_its_promises() {
    for rule in RULES {
        let follows: &[&[&str]] =
            if rule.algebra.commutative { &[&["n"], &["o", "n"], &["o", "n", "x"], &["m"]] } else { &[] };
        for options in everywhere(rule) {
            conformance::merge_of(|| made::<Fields>(&options), &[], follows);
        }
    }
}

#[test]
fn overflows_keep_the_promises_too() {
    for rule in RULES.iter().filter(|rule| rule.options.iter().any(|option| option.name == "overflow")) {
        for overflow in Overflow::WORDS {
            let options = format!(r#"{{"default":{{"use":"{}","overflow":"{overflow}"}}}}"#, rule.name);
            conformance::merge(|| made::<Fields>(&options));
        }
    }
}

fn given_by(options: &str, sent: &[(&str, &str)], expected: &[(&str, &[&str])]) {
    let strategy = made::<Fields>(options);
    let provenance = strategy.provenance(&MergeInput::new("a", &results(sent)));
    let found: Vec<_> = provenance
        .iter()
        .map(|one| (one.field.join("/"), one.collectors.iter().map(|id| id.as_str()).collect::<Vec<_>>()))
        .collect();
    let expected: Vec<_> = expected.iter().map(|(field, by)| ((*field).to_owned(), by.to_vec())).collect();
    assert_eq!(found, expected, "{options} {sent:?}");
}

#[test]
fn provenance_says_who_gave_what() {
    let sent = [
        ("p2", r#"{"a":1,"b":"x","n":1,"o":{"n":1,"x":1}}"#),
        ("p1", r#"{"a":2,"b":"x","n":2,"o":{"n":"x"}}"#),
        ("p3", r#"{"a":2,"b":"y","n":"x","o":{"n":2,"x":2}}"#),
        ("p2", r#"{"n":3,"o":7}"#),
    ];
    given_by("{}", &sent, &[]);
    given_by(
        r#"{"rules":{"n":"sum","a":"max","b":"vote","c":"count"},"paths":[{"path":["o","n"],"use":"array"}],"provenance":true}"#,
        &sent,
        &[
            ("a", &["p1", "p3"]),
            ("b", &["p1", "p2"]),
            ("n", &["p1", "p2"]),
            ("o/n", &["p1", "p2", "p3"]),
            ("o/x", &["p2"]),
        ],
    );
    // What ends in conflict is absent, and nobody's.
    given_by(r#"{"default":"agree","provenance":true}"#, &sent[..2], &[("b", &["p1", "p2"])]);
    // Whoever gives just what was chosen.
    given_by(
        r#"{"provenance":true}"#,
        &[("p1", r#"{"a":1}"#), ("p2", r#"{"a":1}"#)],
        &[("a", &["p1", "p2"])],
    );
    given_by(r#"{"provenance":true}"#, &[("p1", r#"{"a":1}"#), ("p2", r#"{"a":1.0}"#)], &[("a", &["p1"])]);
}

#[test]
fn follows_what_does_not_depend_on_the_order() {
    let options = r#"{
        "rules": {"n":"sum","m":"concat","o":"agree","c":"count"},
        "paths": [{"path":["p","x"],"use":"max"},{"path":["p","y"],"use":"first"}],
        "default": "count-distinct"
    }"#;
    let running = |paths: &[&[&str]]| {
        let paths: Vec<Vec<String>> =
            paths.iter().map(|path| path.iter().map(|name| (*name).to_owned()).collect()).collect();
        made::<Fields>(options).running(&paths)
    };
    let mut followed = running(&[&["n"], &["o", "deep"], &["o"], &["c"], &["p", "x"], &["else"]]).unwrap();
    assert_eq!(followed.value(), json(r#"{"c":0}"#));
    for result in results(&[
        ("p1", r#"{"n":1,"m":"a","o":{"deep":7},"p":{"x":1,"y":2},"else":"a"}"#),
        ("p2", "{"),
        ("p3", "7"),
        ("p4", r#"{"n":"x","c":null,"p":{"x":3},"else":"b"}"#),
    ]) {
        followed.push(&result);
    }
    let so_far = r#"{"n":1,"o":{"deep":7},"c":1,"p":{"x":3},"else":2}"#;
    assert_eq!(followed.value(), json(so_far));
    assert!(followed.bytes() > 0);
}

#[test]
fn what_rules_keep_counts() {
    let bytes = |rule: &str, values: &[&str]| {
        let followed = made::<Fields>(&format!(r#"{{"default":"{rule}"}}"#)).running(&[vec!["n".into()]]);
        let mut followed = followed.unwrap();
        for value in values {
            followed.push(&result("p", payload(&format!(r#"{{"n":{value}}}"#))));
        }
        followed.bytes()
    };
    let (long, other) = (format!("\"{}\"", "x".repeat(1_000)), format!("\"{}\"", "y".repeat(1_000)));
    for rule in ["count-distinct", "vote", "agree"] {
        assert!(bytes(rule, &[&long]) > bytes(rule, &[]) + 999, "{rule}");
    }
    for rule in ["count-distinct", "vote"] {
        assert!(bytes(rule, &[&long, &other]) > bytes(rule, &[&long, &long]) + 900, "{rule}");
    }
    for rule in ["sum", "variance"] {
        assert_eq!(bytes(rule, &["1.5", "2.5", "1e300"]), bytes(rule, &["1.5"]), "{rule}");
    }
    assert_eq!(bytes("max", &["1", "2"]), bytes("max", &[]));
}

#[test]
fn a_vote_compares_collectors() {
    assert!(made::<Fields>(r#"{"rules":{"n":"vote"}}"#).compares_collectors());
    assert!(made::<Fields>(r#"{"paths":[{"path":["o","n"],"use":"vote"}]}"#).compares_collectors());
    assert!(!made::<Fields>(r#"{"default":"agree"}"#).compares_collectors());
}

#[test]
fn the_rule_that_minds_the_order_is_named() {
    let check = |options: &str, what: Option<(&str, &'static str)>| {
        let expected = what.map(|(what, word)| MindsOrder::new(what, word));
        assert_eq!(made::<Fields>(options).minds_order(), expected, "{options}");
    };
    check("{}", Some(("rule `first` of every field that has none of its own", "first")));
    check(r#"{"default":"sum"}"#, None);
    check(r#"{"default":"sum","rules":{"a":"min","b":"concat"}}"#, Some(("rule `concat` of `b`", "concat")));
    check(
        r#"{"default":"sum","paths":[{"path":["a","b.c"],"use":"last"}]}"#,
        Some((r#"rule `last` of `["a", "b.c"]`"#, "last")),
    );
}
