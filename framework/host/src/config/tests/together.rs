//! What one table says about another.

use super::check;

#[test]
fn a_topic_has_one_aggregate() {
    check(
        r#"
[aggregate.a]
topics = ["t.+.x", "u.#"]
timeout = "1s"
[aggregate.b]
topics = ["t.y.+", "u.v.#", "u.#"]
timeout = "1s"
[aggregate.c]
topics = ["#"]
timeout = "1s"
[aggregate.d]
topics = ["#"]
timeout = "1s"
"#,
        "",
    );
}

#[test]
fn names_refer_to_something() {
    check(
        r#"
[aggregate.scan]
topics = ["t.#"]
timeout = "1s"
deliver = ["stdotu", "stdout", "stdout"]
[aggregate.keyed]
topics = ["k.#"]
timeout = "1s"
key = ["pid"]
[sink.stdout]
use = "explodes"
path = "-"
[sink.other]
use = "explodes"
path = "-"
[task.t]
every = "1s"
capabilities = ["a"]
into = ["scna", "keyed", "zzzzzzz"]
"#,
        "",
    );
}

#[test]
fn what_is_published_is_taken() {
    check(
        r#"
[aggregate.a]
topics = ["events.process.#"]
timeout = "1s"
[aggregate.b]
topics = ["events.network.#"]
timeout = "1s"
[collector.c]
publish = ["event.process.#", "events.process.new", "stook.#"]
[collector.d]
[collector."no id"]
command = []
"#,
        "",
    );
}

#[test]
fn a_result_that_depends_on_scheduling_is_warned_of() {
    let two = "[collector.c]\npublish = [\"t.#\"]\n[collector.d]\npublish = [\"t.x\"]\n";
    let aggregate = "[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"1s\"\n";
    check(&format!("{aggregate}merge = {{ use = \"fussy\" }}\n{two}"), "");
    check(&format!("{aggregate}merge = {{ use = \"total\" }}\n{two}"), "");
    check(&format!("{aggregate}order = {{ use = \"by-time\" }}\n{two}"), "");
}

#[test]
fn limits_and_acks_make_sense_together() {
    check(
        "[host]\nmemory = \"1MiB\"\n[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"\nack = \"delivered\"",
        "",
    );
}

#[test]
fn nothing_at_all_is_warned_of() {
    check("", "");
}
