//! One mistake is said once: what comes of it is not said beside it.

use super::{load, plain};

/// Every section, and names of one in another.
const WHOLE: &str = r##"
[host]
memory = "64MiB"
[aggregate.a]
topics = ["t.#", "u.#"]
complete = { use = "everybody", ids = ["p1"] }
timeout = "30s"
dedup = { use = "same", window = "5m", ignore = ["x"] }
late = { use = "correct", grace = "10s" }
deliver = ["s"]
[aggregate.b]
topics = ["v.#"]
complete = [{ use = "count", count = 3 }]
timeout = "30s"
[aggregate.b.topic."v.w"]
dedup = { use = "same" }
[dispatch]
score = { use = "any" }
[collector.p1]
command = ["procmond", "--fast"]
publish = ["t.#", "v.#"]
[task.t]
every = "2s"
capabilities = ["x"]
fan_out = ["p1"]
into = ["a"]
[sink.s]
use = "explodes"
path = "-"
"##;

#[track_caller]
fn one(config: &str) {
    let errors = load(config).err().unwrap_or_else(|| panic!("nothing is wrong with\n{config}"));
    assert_eq!(errors.iter().len(), 1, "{errors}\n--- of\n{config}");
}

#[test]
fn a_character_too_few_or_too_many() {
    plain(WHOLE);
    for (at, sign) in WHOLE.match_indices(['"', '[', ']', '{', '}', '=', ',']) {
        let (before, after) = (&WHOLE[..at], &WHOLE[at + sign.len()..]);
        // A comma may be one too many already, and what is in quotes may begin with anything.
        let without = format!("{before}{after}");
        if load(&without).is_err() {
            one(&without);
        }
        one(&format!("{before}\"{sign}{after}"));
    }
}

#[test]
fn a_section_of_another_name() {
    let section = |name: &str, by: &str| WHOLE.replace(&format!("\n[{name}."), &format!("\n[{by}."));
    // As many mistakes as it has tables are one: they are one table of the config.
    for (name, by) in
        [("collector", "colector"), ("collector", "programs"), ("sink", "sinks"), ("task", "tusk")]
    {
        one(&section(name, by));
    }
    one(&section("aggregate", "agregate"));
    one(&section("aggregate", "rules"));
}

#[test]
fn a_key_of_another_name() {
    one(&WHOLE.replace("topics = [\"v", "topisc = [\"v"));
    one(&WHOLE.replace("timeout", "timout").replacen("timout", "timeout", 1));
    one(&WHOLE.replace("\nevery", "\nevry"));
    one(&WHOLE.replace("path =", "paht ="));
    one(&WHOLE.replace("count = 3", "conut = 3"));
    one(&WHOLE.replace("use = \"correct\"", "us = \"correct\""));
}

#[test]
fn a_word_that_means_nothing() {
    one(&WHOLE.replace("\"t.#\", \"u.#\"", "\"t.#.x\", \"u.#\""));
    one(&WHOLE.replace("topics = [\"v.#\"]", "topics = \"v.#\""));
    one(&WHOLE.replace("\"correct\"", "\"corect\""));
    one(&WHOLE.replace("use = \"explodes\"", "use = \"expoldes\""));
}

/// What has nothing to do with each other is said at once.
#[test]
fn several_mistakes() {
    let wrong = WHOLE.replace("64MiB", "64 apples").replace("\"10s\"", "10").replace("\"p1\"", "\"p2\"");
    let errors = load(&wrong).unwrap_err();
    assert_eq!(errors.iter().len(), 3, "{errors}");
}
