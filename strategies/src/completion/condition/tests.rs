use std::time::Duration;

use stook_plugin::conformance;
use stook_types::Value;

use super::*;
use crate::testing::{HOSTILE, json, made, results};

/// The condition about a set with these results, the last of which has just arrived.
fn decide(options: &str, sent: &[(&str, &str)]) -> Decision {
    decide_with(options, sent, "{}")
}

/// The same, where the fields of the merged value are these.
fn decide_with(options: &str, sent: &[(&str, &str)], value: &str) -> Decision {
    let (results, value) = (results(sent), json(value));
    made::<Condition>(options).decide(&view(&results, results.last(), &value))
}

fn view<'a>(results: &'a [Contribution], arrived: Option<&'a Contribution>, value: &'a Value) -> SetView<'a> {
    let bytes = results.iter().map(|result| result.payload.len()).sum();
    let mut set = SetView::new("a", results, &[], bytes, Duration::from_millis(1_500));
    (set.arrived, set.value) = (arrived, Some(value));
    set
}

fn when(when: &str) -> String {
    serde_json::to_string(&serde_json::json!({ "when": when })).unwrap()
}

fn when_set(when: &str) -> String {
    serde_json::to_string(&serde_json::json!({ "when": when, "on": "set" })).unwrap()
}

#[test]
fn keeps_its_promises() {
    let check = |options: &str| {
        let payloads = [json(r#"{"n":1,"o":{"m":"x"}}"#), json(r#"{"n":true}"#)];
        conformance::completion_of(|| made::<Condition>(options), &payloads);
    };
    check(&when("result.value.n == 1 && set.count > 1"));
    check(&when_set("set.value.o.m == 'x' || set.collectors.exists(c, c == 'p1') || set.age_ms > 1000"));
    check(r#"{"when":"result.value.n","boundary":"start"}"#);
}

#[test]
fn a_result_says_that_it_is_the_last() {
    let check = |sent: &[(&str, &str)], decision: Decision| {
        assert_eq!(decide(&when("result.value == 'bar'"), sent), decision, "{sent:?}");
    };
    check(&[], Decision::Pending);
    check(&[("p1", "\"foo\"")], Decision::Pending);
    check(&[("p1", "\"foo\""), ("p1", "\"bar\"")], Decision::Complete);
    // Only what has just arrived is asked.
    check(&[("p1", "\"bar\""), ("p1", "\"foo\"")], Decision::Pending);
}

#[test]
fn without_a_result_there_is_nothing_to_ask_of_one() {
    let sent = results(&[("p1", "\"bar\"")]);
    let options = when("result.value == 'bar'");
    assert_eq!(made::<Condition>(&options).decide(&view(&sent, None, &Value::Null)), Decision::Pending);
    let options = when_set("set.count == 1");
    assert_eq!(made::<Condition>(&options).decide(&view(&sent, None, &Value::Null)), Decision::Complete);
}

#[test]
fn everything_that_can_be_named() {
    let sent = [("p2", "{\"a\":1}"), ("p1", "{\"a\":[1,2.5,\"x\",null,true,{\"b\":{}}],\"a.b\":7}")];
    for holds in [
        "result.value.a[0] == 1 && result.value.a[1] == 2.5 && result.value.a[2] == 'x'",
        "result.value.a[3] == null && result.value.a[4] && has(result.value.a[5].b)",
        "result.value['a.b'] == 7 && result[\"value\"][\"a.b\"] == 7",
        "size(result.value) == 2 && 'a.b' in result.value",
        "result.collector == 'p1' && result.topic == 't.x' && result.sequence == 1 && !result.last",
        "set.count == 2 && set.bytes == 51 && set.age_ms == 1500",
        "set.collectors == ['p1', 'p2'] && 'p2' in set.collectors && size(set.collectors) >= 2",
        "set.value.sum == 3 && set.value['x.y'] == 'z' && !has(set.value.later)",
        "result.topic.startsWith('t.') && result.topic.endsWith('x') && result.topic.contains('.')",
        "string(set.count) == '2' && int('7') == 7 && double('1.5') == 1.5 && uint(2) == 2u",
        "result.value.a.exists(e, e == 'x') && result.value.a.filter(e, e == 1).size() == 1",
        "result.value.a.exists(e, e == result.value['a.b']) || set.count % 2 == 0",
        "has(result.value.gone) ? false : set.count > 1",
        "{'one': 1, 'two': 2}['two'] == set.count",
    ] {
        let decision = decide_with(&when(holds), &sent, r#"{"sum":3,"x.y":"z"}"#);
        assert_eq!(decision, Decision::Complete, "{holds}");
    }
}

#[test]
fn the_fields_of_the_merged_value_are_read_by_their_paths() {
    let reads = |text: &str| made::<Condition>(&when_set(text)).reads_value().to_vec();
    let paths = |paths: &[&[&str]]| -> Vec<Vec<String>> {
        paths.iter().map(|path| path.iter().map(|name| (*name).to_owned()).collect()).collect()
    };
    assert_eq!(reads("set.count > 1"), paths(&[]));
    assert_eq!(reads("set.value.n > 1 || set.value.n < -1"), paths(&[&["n"]]));
    assert_eq!(
        reads("set.value.b[\"c.d\"].e == 1 && set.value.a[0] == 1 && has(set.value.h)"),
        paths(&[&["a"], &["b", "c.d", "e"], &["h"]])
    );
}

#[test]
fn what_cannot_be_said_is_undecided() {
    let check = |condition: &str, payload: &str| {
        assert_eq!(decide(&when(condition), &[("p1", payload)]), Decision::Undecided, "{condition}");
    };
    check("result.value.a.b == 1", "{\"a\":{}}");
    check("result.value.a.b == 1", "{\"a\":7}");
    check("has(result.value.a.b)", "[]");
    check("result.value.a > 1", "{\"a\":\"x\"}");
    check("result.value.a", "{\"a\":1}");
    check("result.value.a && true", "{\"a\":null}");
    check("1 / result.value.a == 1", "{\"a\":0}");
    check("result.value.a + 1 > 0", "{\"a\":9223372036854775807}");
    check("result.value.a[7] == 1", "{\"a\":[1]}");
    check("result.value.a.exists(e, e > 1)", "{\"a\":7}");
    check("int(result.value.a) == 1", "{\"a\":\"one\"}");
    check("result.value == 1", "{");
    check("set.value.n == 1", "1");
    // Nobody looks into a payload that is not named.
    assert_eq!(decide(&when("result.collector == 'p1'"), &[("p1", "{")]), Decision::Complete);
    // One side decides where it can.
    assert_eq!(decide(&when("result.value.gone || set.count == 1"), &[("p1", "{}")]), Decision::Complete);
}

#[test]
fn hostile_payloads_decide_nothing() {
    for payload in HOSTILE {
        for condition in ["result.value.n == 1 && set.count > 0", "result.value.exists(e, e == 1)"] {
            assert_ne!(decide(&when(condition), &[("p1", payload)]), Decision::Complete, "{payload}");
        }
    }
}

#[test]
fn a_start_opens_the_next_set() {
    let admits = |sent: &[(&str, &str)], next: &str| {
        let options = r#"{"when":"!result.value.line.startsWith(' ')","boundary":"start"}"#;
        let (sent, next) = (results(sent), results(&[("p1", next)]));
        let policy = made::<Condition>(options);
        assert_eq!(policy.decide(&view(&sent, sent.last(), &Value::Null)), Decision::Pending);
        policy.admit(&view(&sent, None, &Value::Null), &next[0])
    };
    let (start, inside) = ("{\"line\":\"Started\"}", "{\"line\":\"  from a\"}");
    assert_eq!(admits(&[("p1", start)], start), Admission::OpensNext);
    assert_eq!(admits(&[("p1", start)], inside), Admission::Enters);
    assert_eq!(admits(&[("p1", start)], "{}"), Admission::Undecided);
    assert_eq!(admits(&[], start), Admission::Enters);
    assert_eq!(admits(&[], "{}"), Admission::Enters);
}

#[test]
fn a_start_sees_the_set_without_the_result() {
    let policy =
        made::<Condition>(r#"{"when":"set.count == 2 && result.collector == 'p3'","boundary":"start"}"#);
    let (sent, next) = (results(&[("p1", "1"), ("p2", "2")]), results(&[("p3", "3")]));
    assert_eq!(policy.admit(&view(&sent, None, &Value::Null), &next[0]), Admission::OpensNext);
    let ends = made::<Condition>(&when("result.collector == 'p3'"));
    assert!(policy.opens_next() && !ends.opens_next());
    assert_eq!(ends.admit(&view(&sent, None, &Value::Null), &next[0]), Admission::Enters);
}

#[test]
fn what_takes_no_longer_than_the_results_are_large_is_taken() {
    for same in
        ["result.value.b == result.value.c", "result.value.b >= set.value.n", "result.value == result.value"]
    {
        let before = format!("{same} || result.value.a.exists(x, x == 1)");
        assert!(compile::compile(&before, On::Result).is_ok(), "{before}");
    }
    let taken = "result.value.a.exists(x, x in set.collectors) && result.value.b.all(x, x < result.value.c)";
    assert_eq!(decide(&when(taken), &[("p1", r#"{"a":["p1"],"b":[1,2],"c":3}"#)]), Decision::Complete);
}

/// An overflow of the stack would end the whole process, this test included.
#[test]
fn no_expression_overflows_the_stack() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}set.count{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("(", ")"), ("[", "]"), ("{1:", "}"), ("size(", ")"), ("x[", "]"), ("!(", ")")] {
        for depth in [5, 30, 60, 200] {
            let _ = compile::compile(&nested(open, close, depth), On::Set);
            let _ = compile::compile(&open.repeat(depth), On::Set);
        }
    }
    for part in ["a+", "a?a:", "!", "-", "a.", "a==", "a&&", "a||", "1+[", "a<"] {
        for length in [100, 2_000] {
            let source = format!("{}a", part.repeat(length / part.len() - 1));
            assert!(compile::compile(&source, On::Set).is_err(), "{part}");
        }
    }
    let deep = |depth: usize| when(&format!("{} == 1", nested("(", ")", depth)));
    assert_eq!(decide(&deep(32), &[("p1", "1")]), Decision::Complete);
    let long = |length: usize| format!("set.count == 1 /{} 1", " ".repeat(length - 18));
    assert_eq!(decide(&when(&long(2_000)), &[("p1", "1")]), Decision::Complete);
}

/// The deepest and the largest that are taken are evaluated on an ordinary stack.
#[test]
fn the_largest_condition_is_evaluated() {
    let check = |condition: &str, more: &str| {
        assert_eq!(decide(&when(condition), &[("p1", "[[1]]")]), Decision::Complete, "{condition}");
        let Err(fault) = compile::compile(more, On::Result) else { panic!("{more} was taken") };
        assert_eq!(fault.at, 0..more.len(), "{}", fault.message);
    };
    let sum = |terms: usize| format!("set.count{} > 0", "+1".repeat(terms));
    check(&sum(17), &sum(18));
    let nested = |depth: usize| format!("{}set.count{} == 1", "(1*".repeat(depth), ")".repeat(depth));
    check(&nested(17), &nested(18));
    let any = |terms: usize| format!("{}set.count == 1", "set.count==0 || ".repeat(terms));
    check(&any(45), &any(60));
    let ors = "set.count==0 || ".repeat(50);
    check(&format!("{ors}set.count == 2-1"), &format!("{ors}!(set.count == 2-1)"));
    let chosen = |depth: usize| format!("{}true", "set.count == 0 ? false : ".repeat(depth));
    check(&chosen(16), &chosen(18));
    let listed = |depth: usize| {
        format!(
            "[{}1{}]{} == 1 || set.count == 1",
            "[".repeat(depth),
            "]".repeat(depth),
            "[0]".repeat(depth + 1)
        )
    };
    check(&listed(6), &listed(18));
}

/// Whatever is written, it is refused with a place in it or can be evaluated: nothing panics.
#[test]
fn no_expression_panics() {
    const PARTS: &[&str] = &[
        "set",
        "result",
        "x",
        ".",
        "value",
        ".value",
        ".count",
        ".last",
        ".a",
        "[0]",
        "['a']",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "?",
        "&&",
        "||",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        " in ",
        "has(",
        "size(",
        "int(",
        "string(",
        ".exists(x,",
        ".map(x,",
        ".contains(",
        "'é'",
        "\"a\"",
        "b'\\xff'",
        "1",
        "0",
        "-9223372036854775808",
        "1.5",
        "7u",
        "null",
        "true",
        " ",
        "\n",
        "é",
        "$",
        "`a`",
        ".?a",
        "//",
        "set.count",
        "result.value",
        "result.value.a",
        "result.value.a[0] == 1",
    ];
    let parts = proptest::collection::vec(proptest::sample::select(PARTS), 1..12);
    let config =
        proptest::test_runner::Config { cases: 1_500, failure_persistence: None, ..Default::default() };
    proptest::proptest!(config, |(parts in parts, payload in proptest::sample::select(HOSTILE))| {
        let source = parts.concat();
        match compile::compile(&source, On::Result) {
            Ok(program) => {
                let (sent, value) = (results(&[("p1", payload), ("p2", "{\"a\":[1,-1]}")]), json("{}"));
                for result in &sent {
                    let _ = program.holds(&view(&sent, None, &value), Some(result));
                }
            }
            Err(fault) => {
                proptest::prop_assert!(!fault.message.contains("panicked"), "{source}");
                proptest::prop_assert!(source.get(fault.at).is_some(), "{source}: {}", fault.message);
            }
        }
    });
}

#[test]
fn options_are_checked() {
    conformance::plugin::<Condition>(&[("when", "result.value.done".into())]);
}
