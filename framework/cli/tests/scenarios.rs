//! The project's own scenarios, and what a user reads when one of his fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use stook::{Registry, link_plugins};
use stook_cli::scenario::File;

const CONFIG: &str = r#"
[[scenario]]
name   = "s"
config = '''
[aggregate.a]
topics = ["t.#"]
complete = { use = "expected" }
timeout = "10s"
merge = { use = "fields", rules = { n = "sum" } }
'''
"#;

#[test]
fn the_projects_own_scenarios_pass() {
    pass("tests/scenarios", "toml", 10);
    pass("tests/scenarios/design", "toml", 10);
}

#[test]
fn the_examples_of_the_book_run() {
    pass("book", "md", 6);
}

/// All scenarios in the files of this folder pass; there are at least so many files with some.
fn pass(folder: &str, extension: &str, at_least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|found| found == extension) && !file.ends_with("README.md")
    });
    assert!(files.len() >= at_least, "the scenarios have moved away from {}", folder.display());
    let registry = registry();
    for path in files {
        let file = File::read(&path).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert!(!file.scenarios.is_empty(), "{} has no scenario", path.display());
        for scenario in file.scenarios {
            let report = scenario.run(&registry);
            assert!(report.passed(), "{report}");
        }
    }
}

#[test]
fn fields_that_differ_stand_below_each_other() {
    reports(
        r#"
steps = [
  { at = "0ms", open = "a", id = "1", expected = ["p1", "p2"] },
  { at = "1ms", from = "p1", topic = "t.x", id = "1", value = { n = 1 } },
  { at = "5ms", died = "p2" },
]
expect = [{ at = "5ms", id = "1", reason = "expected", value = { n = 1.0 }, missing = { p2 = "timeout" }, results = 1 }]
"#,
        r#"FAILED s
  at x.toml:2
  emission 1 differs (at = "5ms", aggregate = "a", id = "1")
    reason   expected "expected"
             actual   "collectors-lost"
    value    expected { n = 1.0 }
             actual   { n = 1 }
    missing  expected { p2 = "timeout" }
             actual   { p2 = "exited" }
"#,
    );
}

#[test]
fn one_emission_too_many_is_one_difference() {
    reports(
        r#"
steps = [
  { at = "0ms", from = "p1", topic = "t.x", id = "1", value = { n = 1, "a b" = [] } },
  { at = "0ms", from = "p1", topic = "t.x", id = "2", json = '{"n": null}' },
  { at = "0ms", from = "p1", topic = "t.x", id = "3", value = { n = 3 } },
  { at = "1ms", shutdown = true },
]
expect = [{ id = "1" }, { id = "3" }]
"#,
        r#"FAILED s
  at x.toml:2
  one emission too many
    actual   { at = "1ms", aggregate = "a", id = "2", outcome = "partial", reason = "shutdown", value = {}, results = 1, missing = [], conflicts = [{ collector = "p1", field = ["n"], got = "null", kind = "type" }] }
"#,
    );
}

#[test]
fn what_did_not_come_is_shown_as_it_was_expected() {
    reports(
        r#"
steps = [
  { at = "0ms", from = "p1", topic = "t.x", id = "1", value = { n = 1 } },
  { at = "0ms", from = "p1", topic = "u.x", id = "1", value = { n = 1 } },
]
expect = [{ at = "9s", id = "1", json = '{"n": 1}', missing = [] }]
refused = [{ at = "0ms", reason = "late" }]
until = "9s"
counters = { received = 3, delivered = 0 }
"#,
        r#"FAILED s
  at x.toml:2
  emission 1 is absent
    expected { at = "9s", id = "1", missing = [], value = { n = 1 } }
  refusal 1 differs (at = "0s", id = "1", from = "p1")
    reason  expected "late"
            actual   "unknown-topic"
  the counters differ
    received  expected 3
              actual   2
"#,
    );
}

#[test]
fn a_step_that_cannot_be_done_is_named() {
    reports(
        "steps = [\n  { at = \"0ms\", force = \"b\" },\n]",
        "FAILED s\n  at x.toml:2\n  x.toml:12:25: no aggregate is named `b`; did you mean `a`?\n",
    );
    reports(
        r#"steps = [
  { at = "0ms", open = "a", expected = ["p1"] },
  { at = "0ms", died = "p1" },
  { at = "1ms", died = "p1" },
]"#,
        "FAILED s\n  at x.toml:2\n  x.toml:14:3: `p1` is not connected\n",
    );
    reports(
        r#"steps = [
  { at = "0ms", open = "a", expected = ["p1"] },
  { at = "1ms", from = "p1", topic = "t.x", value = {} },
  { at = "2ms", open = "a", expected = ["p1"] },
]
expect = [{}]"#,
        "FAILED s\n  at x.toml:2\n  x.toml:14:3: the set could not be announced: its set was released already\n",
    );
}

/// Names of what is not there, all at once: they could only ever fail, or change nothing.
#[test]
fn what_the_config_has_not_is_named() {
    reports(
        r#"steps = [
  { at = "0ms", open = "aa", id = "1", expected = ["p1"] },
  { at = "0ms", open = "a", id = ["1"], expected = ["p1"] },
  { at = "1ms", died = "p11" },
]
expect = [
  { aggregate = "b", reason = "timeout" },
  { reason = "timout" },
  { reason = "idle" },
  { reason = "expected", outcome = "partial" },
  { outcome = "complete", reason = "timeout" },
  { missing = ["p2"], contributors = [{ collector = "q" }] },
]
refused = [{ from = "p2" }]"#,
        r#"FAILED s
  at x.toml:2
  x.toml:12:24: no aggregate is named `aa`; did you mean `a`?
  x.toml:13:34: no set of aggregate `a` has such an `id`; its sets have a correlation ID: write `id` as text
  x.toml:14:24: `p11` sends nothing here, and nobody waits for it; did you mean `p1`?
  x.toml:17:17: no aggregate is named `b`; did you mean `a`?
  x.toml:18:14: no set of aggregate `a` ends for the reason `timout`; did you mean `timeout`? (there is collectors-lost, evicted, expected, forced, merge-failed, shutdown, timeout)
  x.toml:19:14: no set of aggregate `a` ends for the reason `idle` (there is collectors-lost, evicted, expected, forced, merge-failed, shutdown, timeout)
  x.toml:20:14: a set that ends for the reason `expected` is complete, and never partial
  x.toml:21:36: a set that ends for the reason `timeout` is partial, and never complete
  x.toml:22:16: `p2` sends nothing here, and nobody waits for it; did you mean `p1`?
  x.toml:22:53: `q` sends nothing here, and nobody waits for it; there is p1
  x.toml:24:21: `p2` sends nothing here, and nobody waits for it; did you mean `p1`?
"#,
    );
}

#[test]
fn a_scenario_in_one_pair_of_brackets() {
    let text = CONFIG.replace("[[scenario]]", "[scenario]");
    let mistakes = File::parse("x.toml", &text).unwrap_err().to_string();
    assert!(mistakes.contains("= write [[scenario]]"), "{mistakes}");
}

/// What only depends on a step that is wrong is not said beside it.
#[test]
fn a_mistake_is_said_once() {
    mistakes(
        &format!(
            "{CONFIG}{}",
            r#"steps = [
  { at = "1s", task = "a", expectd = ["p1"] },
  { at = "2s", finished = "p1" },
]
expect = [{ at = "9s" }]
until = "soon"
"#
        ),
        r#"x.toml:12:28: unknown key `expectd` of this `task` step
   |
12 |   { at = "1s", task = "a", expectd = ["p1"] },
   |                            ^^^^^^^
   = did you mean `expected`?

x.toml:16:9: bad `until`: `soon` is no duration; write a number and a unit, like "250ms", "30s", "5m"
   |
16 | until = "soon"
   |         ^^^^^^
"#,
    );
}

#[test]
fn a_config_is_refused_at_its_line_in_the_scenario_file() {
    let text = CONFIG.replace("topics", "topcis");
    let report = run(&text);
    assert!(report.starts_with("FAILED s\n  at x.toml:2\n  the config is refused:\n    x.toml:"), "{report}");
    assert!(report.contains("x.toml:6:1: unknown key `topcis`"), "{report}");
    let expected = |error: &str| run(&format!("{text}\nerror = \"{error}\""));
    assert_eq!(expected("did you mean `topics`?"), "");
    let other = expected("no such thing");
    assert!(
        other.contains("the config is refused, but not with\n    no such thing\n  but with\n"),
        "{other}"
    );
    let taken = run(&format!("{CONFIG}\nerror = \"anything\""));
    let said = "FAILED s\n  at x.toml:2\n  the config is taken, and should be refused with\n    anything\n";
    assert_eq!(taken, said);
}

#[test]
fn why_a_merge_failed_is_in_the_report() {
    let merge = r#"merge = { use = "fields", rules = { n = "sum" } }"#;
    let config = CONFIG.replace(merge, r#"merge = { use = "vote", k = 2 }"#);
    let steps = r#"
steps = [{ at = "0ms", from = "p1", topic = "t.x", value = "x" }, { at = "1ms", force = "a" }]
expect = [{ at = "1ms", value = "x" }]
"#;
    let report = run(&(config + steps));
    let said = r#"(at = "1ms", aggregate = "a", id = "1", reason = "merge-failed", error = "no 2 collectors agree, 1 at most")"#;
    assert!(report.contains(said), "{report}");
}

/// So that the config that runs is the config that is tested.
#[test]
fn a_config_may_stand_in_a_file_beside_the_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
    let scenario = "[[scenario]]\nname = 's'\nconfig_file = 'stook.toml'\n";
    write("scenarios.toml", scenario);
    let read = || File::read(&at("scenarios.toml"));
    let unread = read().unwrap_err().to_string();
    assert!(
        unread.contains("scenarios.toml:3:15: the config ") && unread.contains("cannot be read"),
        "{unread}"
    );
    write("stook.toml", "[aggregate.a]\ntopcis = ['t.#']\ntimeout = '10s'\n");
    let refused = read().unwrap().scenarios[0].run(&registry()).to_string();
    assert!(
        refused.contains(&format!("{}:2:1: unknown key `topcis`", at("stook.toml").display())),
        "{refused}"
    );
    write("stook.toml", "[aggregate.a]\ntopics = ['t.#']\ntimeout = '10s'\n");
    assert!(read().unwrap().scenarios[0].run(&registry()).passed());
    write("scenarios.toml", &format!("{scenario}config = ''\n"));
    let both = read().unwrap_err().to_string();
    assert!(both.contains("`config_file` beside `config`: keep one"), "{both}");
}

/// A payload may be nested as deep as JSON is read, and an emission holds it one level deeper.
#[test]
fn an_emission_that_is_nested_too_deep_cannot_be_compared() {
    let merge = r#"merge = { use = "fields", rules = { n = "sum" } }"#;
    let nested = "[".repeat(126) + &"]".repeat(126);
    let steps = format!(
        r#"steps = [{{ at = "0ms", from = "p1", topic = "t.x", raw = "{nested}" }}, {{ at = "1ms", force = "a" }}]"#
    );
    let report = run(&(CONFIG.replace(merge, "") + &steps));
    assert!(report.contains("an emission of `a` cannot be written as JSON: recursion limit"), "{report}");
}

#[test]
fn colours_are_the_text_with_colours() {
    let text = format!("{CONFIG}\nsteps = [{{ at = \"0ms\", force = \"b\" }}]\n");
    let report = File::parse("x.toml", &text).unwrap().scenarios[0].run(&registry());
    let colored = report.colored().to_string();
    assert_eq!(colored.replace("\x1b[31m", "").replace("\x1b[0m", ""), report.to_string());
    assert_ne!(colored, report.to_string());
}

#[test]
fn every_mistake_of_a_file_is_found_at_once() {
    mistakes(
        r#"[[scenario]]
nmae = "s"
config = ''
steps = [
  { at = "1s", form = "p1", topic = "t.x" },
  { at = "soon", died = "p1" },
]
until = 5
"#,
        r#"x.toml:2:1: unknown key `nmae` of a scenario
  |
2 | nmae = "s"
  | ^^^^
  = did you mean `name`?

x.toml:5:16: unknown key `form` of a step
  |
5 |   { at = "1s", form = "p1", topic = "t.x" },
  |                ^^^^
  = did you mean `from`?

x.toml:6:10: bad `at`: `soon` is no duration; write a number and a unit, like "250ms", "30s", "5m"
  |
6 |   { at = "soon", died = "p1" },
  |          ^^^^^^

x.toml:8:9: `until` is text in quotes, not a whole number
  |
8 | until = 5
  |         ^
"#,
    );
}

#[test]
fn what_is_wrong_with_a_step() {
    let check = |steps: &str, said: &str| {
        let text = format!("{CONFIG}steps = [{steps}]");
        let mistakes = File::parse("x.toml", &text).expect_err(steps).to_string();
        let first = mistakes.lines().next().unwrap_or_default();
        assert!(first.starts_with("x.toml:11:") && first.ends_with(said), "{steps}\n{mistakes}");
    };
    check(r#"{ at = "0s" }"#, ": this step does nothing");
    let unknown = format!("{CONFIG}steps = [{{ at = \"0s\", whatever = 1 }}]");
    let unknown = File::parse("x.toml", &unknown).unwrap_err().to_string();
    assert!(
        unknown
            .contains("shutdown, topic, id, value, json, raw, seq, incarnation, timestamp, last, expected\n"),
        "{unknown}"
    );
    check(
        r#"{ at = "0s", died = "p1", force = "a" }"#,
        "a step does one thing, and this has `died` and `force`",
    );
    check(r#"{ at = "0s", died = "p1", seq = 1 }"#, "unknown key `seq` of this `died` step");
    check(r#"{ died = "p1" }"#, "a step has no `at`");
    check(r#"{ at = "2s", died = "p1" }, { at = "1s", died = "p1" }"#, "a step at 1s after one at 2s");
    check(r#"{ at = "0s", from = "p 1", topic = "t.x", value = 1 }"#, "write 1 to 64 of A-Z a-z 0-9 - _ .");
    check(r#"{ at = "0s", from = "p1", value = 1 }"#, "a result has no `topic`");
    check(r#"{ at = "0s", from = "p1", topic = "t.x" }"#, "a result has no `value`");
    check(
        r#"{ at = "0s", from = "p1", topic = "t.x", raw = "1", value = 1 }"#,
        "`raw` beside `value`: keep one",
    );
    check(r#"{ at = "0s", from = "p1", topic = "T.x", value = 1 }"#, "did you mean `t.x`?");
    check(
        r#"{ at = "0s", from = "p1", topic = "t.x", value = 1, json = "1" }"#,
        "`json` beside `value`: keep one",
    );
    check(
        r#"{ at = "0s", from = "p1", topic = "t.x", json = "{" }"#,
        "EOF while parsing an object at line 1 column 1",
    );
    check(r#"{ at = "0s", from = "p1", topic = "t.x", value = nan }"#, "which has finite numbers only");
    check(r#"{ at = "0s", from = "p1", topic = "t.x", value = 2026-01-01 }"#, "write text in quotes");
    check(
        r#"{ at = "0s", from = "p1", topic = "t.x", value = 1, seq = -1 }"#,
        "`seq` is a whole number of at least 0",
    );
    check(
        r#"{ at = "0s", from = "p1", topic = "t.x", value = 1, last = 1 }"#,
        "`last` is true or false, not a whole number",
    );
    check(r#"{ at = "0s", open = "a" }"#, "this `open` step has no `expected`");
    check(r#"{ at = "0s", open = "a", expected = ["p1", "p1"] }"#, "`p1` is expected twice");
    check(r#"{ at = "-1s", died = "p1" }"#, "write a number and a unit, like \"250ms\", \"30s\", \"5m\"");
    check(r#"{ at = 5, died = "p1" }"#, "`at` is text in quotes, not a whole number");
    check(r#"{ at = "0s", finished = "p1" }"#, "`p1` has no task to end here");
    let two = r#"{ at = "0s", task = "a", id = "1", expected = ["p1"] }, { at = "0s", task = "a", id = "2", expected = ["p1"] }"#;
    check(&format!(r#"{two}, {{ at = "1s", failed = "p1" }}"#), "(1, 2): say which with `id`");
    check(r#"{ at = "0s", deliver = "later" }"#, "`later` is none of ok, fail, block");
    check(r#"{ at = "0s", shutdown = false }"#, "`shutdown` has one value: true");
}

#[test]
fn what_is_wrong_with_an_expectation() {
    let check = |rest: &str, said: &str| {
        let mistakes = File::parse("x.toml", &format!("{CONFIG}{rest}")).expect_err(rest).to_string();
        let first = mistakes.lines().next().unwrap_or_default();
        assert!(first.starts_with("x.toml:11:") && first.contains(said), "{rest}\n{mistakes}");
    };
    check(r#"expect = [{ ta = "1s" }]"#, "unknown key `ta` of an emission");
    check(r#"expect = [{ outcome = "done" }]"#, "`done` is none of complete, partial");
    check(r#"expect = [{ missing = { p1 = "asleep" } }]"#, "`asleep` is none of exited");
    check(r#"expect = [{ conflicts = ["n"] }]"#, "a part of `conflicts` is a table");
    check(r#"refused = [{ reason = "bad" }]"#, "`bad` is none of late");
    check(r#"erorr = "x""#, "unknown key `erorr`");
    check("expect = [{ missing = ['p1', 'p1'] }]", "`p1` is missing twice");
    check("expect = [{ missing = ['p 1'] }]", "bad collector in `missing`: `p 1` is no collector id");
    check("expect = [{ missing = [{ colector = 'p1' }] }]", "unknown key `colector` of a missing collector");
    check(
        "expect = [{ contributors = [{ results = 1, sequence = 1 }] }]",
        "unknown key `sequence` of a part of",
    );
    check("expect = [{ conflicts = [{ kind = 'typ' }] }]", "`typ` is none of type");
    check("expect = [{ results = '1' }]", "`results` is a whole number of at least 0");
    check("expect = [{ revision = 0 }]", "`revision` is a whole number of at least 1");
    check("expect = [{ aggregate = 1 }]", "`aggregate` is text in quotes, not a whole number");
    check("expect = [{ at = '1s' }]\n", "nothing comes at 1s: the scenario ends at 0s");
    check("expect = [{ at = '2s' }, { at = '1s' }]\nuntil = '2s'", "one at 1s after one at 2s");
    check("refused = [{ at = '1s', from = 'p1' }]\n", "nothing comes at 1s: the scenario ends at 0s");
    check("refused = [{ topic = 'T' }]", "bad `topic`: `T` has `T`");
    check("counters = { late = -1 }", "`late` is a whole number of at least 0");
    check("counters = { refused = { lat = 1 } }", "unknown key `lat` of `refused`");
    check("counters = { refused = 1 }", "`refused` is a table, not a whole number");
    check("error = ''", "`error` is empty, and so is in every error");
    check("until = '1s'\nerror = 'x'", "`until` beside `error`: a config that is refused does nothing");
    check("until = '1s'\nsteps = [{ at = '2s', died = 'p1' }]", "`until` (1s) is before the last step (2s)");
}

#[test]
fn a_file_without_scenarios_tests_nothing() {
    for text in ["", "scenario = []"] {
        let mistakes = File::parse("x.toml", text).unwrap_err().to_string();
        assert!(mistakes.starts_with("x.toml:1:1: there is no [[scenario]] here"), "{mistakes}");
    }
}

#[test]
fn a_name_stands_once() {
    let text = format!("{CONFIG}{CONFIG}");
    let mistakes = File::parse("x.toml", &text).unwrap_err().to_string();
    assert!(mistakes.starts_with("x.toml:13:10: there is another scenario of the name `s`"), "{mistakes}");
}

#[test]
fn the_verb_says_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = file("good.toml", CONFIG);
    let bad = file("bad.toml", &format!("{CONFIG}expect = [{{ id = \"1\" }}]"));
    let broken = file("broken.toml", "[[scenario]]\nname = \"s\"\nconfig = \"\"\nstep = []");
    let check = |args: &[&str], code: i32, out: &str| {
        let ran = Command::new(env!("CARGO_BIN_EXE_stook")).arg("test").args(args).output().unwrap();
        let printed =
            String::from_utf8(ran.stdout).unwrap().replace(&bad, "bad.toml").replace(&good, "good.toml");
        assert_eq!((ran.status.code(), printed.as_str()), (Some(code), out), "{args:?}");
        String::from_utf8(ran.stderr).unwrap()
    };
    let failed = "FAILED s\n  at bad.toml:2\n  emission 1 is absent\n    expected { id = \"1\" }\n\n";
    check(&[&good], 0, "1 passed, 0 failed\n");
    check(&[&good, &bad], 1, &format!("{failed}1 passed, 1 failed\n"));
    check(&[&bad, "--filter", "another"], 64, "0 passed, 0 failed\n");
    check(
        &[&good, &bad, "--format", "json"],
        1,
        "{\"file\":\"good.toml\",\"line\":2,\"scenario\":\"s\",\"passed\":true,\"failures\":[]}\n\
         {\"file\":\"bad.toml\",\"line\":2,\"scenario\":\"s\",\"passed\":false,\"failures\":[\"emission 1 is absent\\n    expected { id = \\\"1\\\" }\"]}\n",
    );
    assert!(check(&[&good, &broken], 78, "").contains("broken.toml:4:1: unknown key `step` of a scenario"));
    assert!(
        check(&["no-such-file.toml"], 78, "")
            .starts_with("no-such-file.toml: the scenario file cannot be read")
    );
}

fn registry() -> Registry {
    Registry::linked(link_plugins!(stook_strategies)).unwrap()
}

/// What is reported of the first scenario of this file.
fn run(text: &str) -> String {
    let file = File::parse("x.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    file.scenarios[0].run(&registry()).to_string()
}

/// That a scenario with these steps and expectations is reported so.
fn reports(scenario: &str, expected: &str) {
    assert_eq!(run(&format!("{CONFIG}{}", scenario.trim_start())), expected);
}

/// That this file is no scenario file, for these reasons.
fn mistakes(text: &str, expected: &str) {
    assert_eq!(File::parse("x.toml", text).unwrap_err().to_string(), expected);
}
