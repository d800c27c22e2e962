//! `[dispatch]`, and whose word counts: collector or task, topic, aggregate, dispatch.

use std::time::Duration;

use stook_engine::{DetectorId, ScoreId};
use stook_messages::expect_file;
use stook_types::{FanOut, Value};

use super::{check, plain};

/// Aggregates `a` (of `t.a.#`) and `b` (of `t.b.#`) with these lines in them, and whatever else.
fn config(a: &str, b: &str, rest: &str) -> String {
    format!(
        "[aggregate.a]\ntopics = [\"t.a.#\"]\ntimeout = \"1s\"\n{a}\n\
         [aggregate.b]\ntopics = [\"t.b.#\"]\ntimeout = \"1s\"\n{b}\n{rest}"
    )
}

fn restart(seconds: u32) -> String {
    format!("restart = {{ use = \"backoff\", initial = \"{seconds}s\" }}")
}

/// So many arrays inside each other.
fn deep(arrays: usize) -> String {
    "[".repeat(arrays) + &"]".repeat(arrays)
}

#[test]
fn the_nearest_word_counts() {
    let check = |a: &str, collector: &str, dead_after: u64| {
        let rest = format!(
            "[dispatch]\ndetect = {{ use = \"quiet\", dead_after = \"60s\" }}\n[collector.p]\npublish = [\"t.a.x\"]\n{collector}"
        );
        let config = plain(&config(a, "", &rest));
        let DetectorId(id) = config.collectors[0].detect;
        let heartbeat = config.dispatch.detectors[id].detector.heartbeat();
        assert_eq!(heartbeat, Duration::from_secs(dead_after) / 3, "{a} {collector}");
    };
    let quiet = |seconds: u64| format!("detect = {{ use = \"quiet\", dead_after = \"{seconds}s\" }}");
    let topic = |pattern: &str, seconds| format!("[aggregate.a.topic.\"{pattern}\"]\n{}", quiet(seconds));
    check("", "", 60);
    check(&quiet(30), "", 30);
    check(&format!("{}\n{}", quiet(30), topic("t.a.x", 12)), "", 12);
    check(&format!("{}\n{}", quiet(30), topic("t.a.y", 12)), "", 30);
    check(&format!("{}\n{}", quiet(30), topic("t.a.x", 12)), &quiet(3), 3);
}

#[test]
fn two_aggregates_may_say_the_same_about_one_collector() {
    let rest = "[collector.p]\npublish = [\"t.#\"]";
    plain(&config(&restart(1), &restart(1), rest));
    plain(&config(&restart(1), "", rest));
}

#[test]
fn the_most_specific_pattern_counts_for_whoever_publishes() {
    let quiet = |seconds: u64| format!("detect = {{ use = \"quiet\", dead_after = \"{seconds}s\" }}");
    let table = |aggregate, pattern, seconds| {
        format!("[aggregate.{aggregate}.topic.\"{pattern}\"]\n{}\n", quiet(seconds))
    };
    let all = format!("[aggregate.all]\ntopics = [\"t.#\"]\ntimeout = \"1s\"\n{}\n", quiet(99));
    let three = table("all", "t.#", 3) + &table("all", "t.+.x", 6) + &table("all", "t.c.x", 9);
    let collector = |publish: &str| {
        format!("[dispatch]\ndetect = {{ use = \"quiet\" }}\n[collector.p]\npublish = {publish}")
    };
    let is = |tables: &str, publish: &str, seconds: u64| {
        let config = plain(&config("", "", &format!("{all}{tables}{}", collector(publish))));
        let DetectorId(id) = config.collectors[0].detect;
        let heartbeat = config.dispatch.detectors[id].detector.heartbeat();
        assert_eq!(heartbeat, Duration::from_secs(seconds) / 3, "{publish} {tables}");
    };
    is(&three, "[\"t.c.x\"]", 9);
    is(&three, "[\"t.d.x\"]", 6);
    is(&three, "[\"t.d\", \"t.e\"]", 3);
    is("", "[\"t.d\"]", 99);
    // Aggregate `a` has these, and says nothing: what is said of all others is not said of them.
    is(&three, "[\"t.a.x\"]", 9);
    is("", "[\"t.a.#\"]", 9);
    let disagree = |tables: &str, publish: &str, one: &str, other: &str| {
        let text = config("", "", &format!("{all}{tables}{}", collector(publish)));
        let message = format!("{one} and {other} disagree about the `detect` of collector `p`");
        let Err(said) = super::load(&text) else { panic!("{publish}: no disagreement") };
        let said = said.to_string();
        assert!(said.contains(&message), "{publish}: {said}");
    };
    let of = |pattern: &str| format!("[aggregate.all.topic.\"{pattern}\"]");
    disagree(&three, "[\"t.c.x\", \"t.d.x\"]", &of("t.c.x"), &of("t.+.x"));
    // A part of what it publishes is no less its own.
    disagree(&three, "[\"t.c.#\"]", &of("t.#"), &of("t.+.x"));
}

#[test]
fn tasks_say_everything_about_themselves() {
    let config = plain(
        r#"
[aggregate.a]
topics = ["t.#"]
timeout = "1s"
score = { use = "any" }
[dispatch]
slow_start = "0s"
accrual = { failures = 3, eject = "1s", most = 0.25, panic = 1 }
[collector.p]
publish = ["t.x"]
[task.one]
every = "1s"
capabilities = ["a"]
fan_out = "one"
payload = { depth = 3, of = ["x", 1.5, true] }
priority = -7
timeout = "10s"
attempt_timeout = "2s"
stall_timeout = "500ms"
score = { use = "any" }
into = ["a"]
[task.some]
every = "1s"
capabilities = ["a"]
fan_out = ["p"]
"#,
    );
    let modifiers = config.dispatch.modifiers;
    assert_eq!((modifiers.slow_start, modifiers.failures), (Duration::ZERO, 3));
    assert_eq!((modifiers.most_ejected, modifiers.panic_below), (0.25, 1.0));
    let [one, some] = &config.tasks[..] else { panic!("two tasks") };
    assert_eq!((one.fan_out.clone(), one.priority), (FanOut::One, -7));
    let of = Value::Array(vec!["x".into(), Value::Float(1.5), true.into()]);
    assert_eq!(one.payload, Value::from([("depth", Value::Int(3)), ("of", of)]));
    let secs = |seconds| Some(Duration::from_secs_f64(seconds));
    assert_eq!((one.timeout, one.attempt_timeout, one.stall_timeout), (secs(10.0), secs(2.0), secs(0.5)));
    let ScoreId(score) = one.score.expect("its own");
    assert_eq!(config.dispatch.scores[score].name, "any");
    assert_eq!((some.fan_out.clone(), some.score), (FanOut::Ids(vec!["p".parse().unwrap()]), None));
    let ScoreId(default) = config.dispatch.score;
    assert_eq!(config.dispatch.scores[default].name, "least-outstanding");
}

#[test]
fn messages() {
    check(
        &[
            (
                "mistakes in dispatch say what would be right",
                r#"
[dispatch]
scores = { use = "any" }
score = { use = "anny" }
slow_start = "soon"
accrual = { most = 2.0, fail = 1 }
[aggregate.stook]
topics = ["stook.events"]
timeout = "1s"
[collector.stook]
publish = ["stook.events"]
[task.bad]
every = "1s"
capabilities = ["a"]
fan_out = "eech"
[task.some]
every = "1s"
capabilities = ["a"]
fan_out = ["nobody"]
[task.none]
every = "1s"
capabilities = ["a"]
fan_out = []
"#,
            ),
            (
                "two aggregates that disagree about one collector",
                &config(&restart(1), &restart(2), "[collector.p]\npublish = [\"t.#\"]"),
            ),
            (
                "what can have no effect",
                &config(
                    "",
                    "",
                    r#"
[collector.p]
publish = ["t.#"]
restart = { use = "backoff", initial = "1s" }
[task.scan]
every = "1m"
capabilities = ["a"]
timeout = "10s"
attempt_timeout = "10s"
stall_timeout = "9s""#,
                ),
            ),
            (
                "arguments that no task can carry",
                &config(
                    "",
                    "",
                    &format!("[task.deep]\nevery = \"1s\"\ncapabilities = [\"a\"]\npayload = {}", deep(33)),
                ),
            ),
        ],
        &expect_file!["messages/dispatch.txt"],
    );
}
