//! What is said of conditions that are none, with the place in them: see `messages/`.

use stook_messages::expect_file;
use stook_plugin::{CompletionPolicy, Registration};

use super::Condition;
use crate::testing::build;

/// The condition, with what is wrong about it under the place where it is.
fn refused(when: &str, on: &str) -> String {
    let options = serde_json::json!({ "when": when, "on": on }).to_string();
    let made = build::<dyn CompletionPolicy>(&Registration::completion::<Condition>(""), &options);
    let Err(error) = made else { panic!("{when} was taken") };
    let at = error.at.expect("a place in the text");
    if when.len() > 200 {
        return format!("  {}… ({} bytes of {})\n    {}\n", &when[..40], at.len(), when.len(), error.message);
    }
    let line = when[..at.start].rfind('\n').map_or(0, |end| end + 1);
    let before = when[line..at.start].chars().count();
    let marks = "^".repeat(when[at].chars().count().max(1));
    let shown = when.replace('\n', "\n  ");
    format!("  {shown}\n  {:before$}{marks} {}\n", "", error.message)
}

fn check(about: &str, conditions: &[&str]) -> String {
    format!("# {about}\n\n{}\n", conditions.iter().map(|when| refused(when, "result")).collect::<String>())
}

#[test]
fn names() {
    let of_results = check(
        "names",
        &[
            "set.cuont > 3",
            "'é' == 'é' && result . colector == 'p'",
            "result['colector'] == 'p'",
            "reslut.value == 1",
            "value.done",
            "set.count > 1 && set",
            "set.count.x > 1",
            "has(set.count)",
            "has(result.value)",
            "result.topic.contians('x')",
            "result.topic.matches('x')",
            "result.topic.contains()",
            "result.value.l.exists(e)",
            "result.value.l.all(e)",
            "result.value.l.exists_one(e)",
            "result.value.l.map(e)",
            "result.value.l.filter(e)",
            "int(set.count, 2) == 1",
            "'7'.int() == set.count",
            "_f(result.value)",
            "set.value == 1",
            "set.value[set.count] == 1",
        ],
    );
    let of_sets = ["result.value == 1", "st.count == 1"].map(|when| refused(when, "set"));
    let page = format!("{of_results}# names, with on = \"set\"\n\n{}", of_sets.concat());
    expect_file!["messages/names.txt"].assert_eq(&page);
}

#[test]
fn conditions() {
    let nested = format!("{}set.count{} == 1", "(".repeat(33), ")".repeat(33));
    let long = format!("set.count == 1 /{} 1", " ".repeat(1_983));
    let many = format!("{}set.count == 1", "set.count==0 || ".repeat(60));
    let deep = format!("set.count{} > 0", "+1".repeat(18));
    let page = [
        check(
            "no condition",
            &[
                "set.count",
                "set.age_ms > 5 && set.count",
                "result.topic",
                "set.count + 1",
                "set.count > 1 ? 'a' : 'b'",
                "result.value.l.map(e, e)",
                "[set.count]",
                "{'a': set.count}",
                "-set.count",
                "'a' * 3 == 'aaa'",
                "set.count - result.topic > 1",
                "has(result.value.a) == 1",
                "set.count == '3'",
                "1 == 1",
                "true",
                "a.b{c: set.count}",
            ],
        ),
        check(
            "no CEL",
            &[
                "",
                "set.count >",
                "set.count = 3",
                "'é' == 'é' &&\n  set.count $ 3",
                "set.count 3",
                "set.?count == 1",
                "has(set)",
                "result.topic == 'a && true",
                "result.topic == \"a",
                "result.value.имя == 1",
                "result.value.größe > 1",
                "'é' == é",
            ],
        ),
        check(
            "longer than the results are large",
            &[
                "result.value.a.exists(x, x.exists(y, y == 1))",
                "result.value.a.map(x, x).exists(x, x == 1)",
                "result.value.a.exists(x, x in result.value.b)",
                "result.value.a.exists(x, size(result.value.b) > 1)",
                "result.value.a.exists(x, x == result.value.b + result.value.b)",
                "result.value.a.exists(x, x == 1 || result.value.b == result.value.c)",
                "result.value.a.exists(x, x == 1 || result.value.b >= set.value.n)",
                "result.value.a.exists(x, x == 1 || result.value == result.value)",
                "result.value.a.exists(x, set.collectors == result.value.c)",
                "result.value.a.exists(set, set == 1)",
                // A macro's variable is gone after it.
                "result.value.a.exists(x, x == 1) && x == 2",
            ],
        ),
        check("too large", &[&nested, &long, &many, &deep]),
    ];
    expect_file!["messages/conditions.txt"].assert_eq(&page.concat());
}
