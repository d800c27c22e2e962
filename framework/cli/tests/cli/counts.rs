//! What `stook status` says of each collector's results and tasks: with `stook run` and collectors that are processes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::host::{PATIENCE, command_in};
use super::{Ran, ran};

/// `say` gives back what it is asked for, as one result. Who is `p-2` may publish on one topic only.
const TWO: &str = r#"
[host]
name = "barn"

[aggregate.a]
topics = ["t.a"]
complete = { use = "count", count = 2 }
dedup = { use = "content", keep = "last" }
timeout = "60s"

[aggregate.b]
topics = ["t.b"]
complete = { use = "expected", collectors = ["p-2"], unexpected = "discard" }
timeout = "60s"

[collector.p-1]
command = [@exec, "--capability", "say", "--", "cat"]
publish = ["t.#"]

[collector.p-2]
command = [@exec, "--capability", "say", "--", "cat"]
publish = ["t.a"]
"#;

/// A thousand sets, with five lines for each.
const FLOOD: &str = r#"
[host]
name = "barn"

[aggregate.a]
topics = ["t.a"]
complete = { use = "count", count = 2 }
dedup = { use = "content" }
timeout = "60s"

[collector.p-1]
command = [@exec, "--id-field", "id", "--", "sh", "-c", '''
i=0
while [ $i -lt 1000 ]; do
  i=$((i + 1))
  for rest in '"v":0' '"v":0' '"v":1' '"v":2' '"topic":"t.none"'; do
    echo "{\"id\":\"$i\",$rest}"
  done
done''']
publish = ["t.#"]
restart = { use = "never" }
"#;

/// There is room for one set.
const FULL: &str = r#"
[host]
name = "barn"

[aggregate.a]
topics = ["t.a"]
complete = { use = "count", count = 2 }
timeout = "60s"
limits = { sets = 1, when_full = "backpressure" }

[collector.p-1]
command = [@exec, "--capability", "say", "--", "cat"]
publish = ["t.#"]
"#;

/// Who says no topic is on the first.
const EXEC: &str =
    r#"@stook, "exec", "--topic", "t.a", "--topic", "t.b", "--topic", "t.none", "--topic-field", "topic""#;

/// Runs of it, and those of its collectors, end with it.
struct Barn {
    directory: TempDir,
    host: Child,
    log: BufReader<ChildStderr>,
}

impl Barn {
    fn start(config: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("stook").tempdir().unwrap();
        let file = directory.path().join("stook.toml");
        let stook = format!("{:?}", env!("CARGO_BIN_EXE_stook"));
        std::fs::write(&file, config.replace("@exec", EXEC).replace("@stook", &stook)).unwrap();
        let mut run = command_in(&directory.path().join("run"), &["run", file.to_str().unwrap()]);
        let mut host = run.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(host.stderr.take().unwrap());
        Self { directory, host, log }
    }

    fn stook(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        command_in(&self.directory.path().join("run"), &[args, &["--host", "barn"]].concat())
    }

    fn status_where(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let ran = self.stook(&["status", "--format", "json"]);
            // Before it listens there is nobody to ask.
            let status = if ran.code == 69 { Value::Null } else { ran.json() };
            if !status.is_null() && wanted(&status) {
                return status;
            }
            assert!(Instant::now() < end, "it comes to hold in time: {status}");
        }
    }

    /// Has a collector say this of `about`, and says whether the task is done then.
    fn says(&self, id: &str, about: &str, result: &Value) -> bool {
        let result = result.to_string();
        let say = ["submit", "say", "--on", id, "--correlation-id", about, "--payload", &result, "--wait"];
        let ran = self.stook(&say);
        assert!(ran.code <= 1 && ran.out.contains("assigned"), "{}{}", ran.out, ran.err);
        ran.code == 0
    }

    /// What it says of a collector, once both formats agree with each other and with all else.
    fn tells(&self, id: &str) -> Value {
        adds_up(&self.status_where(|_| true));
        let told = self.stook(&["status", id, "--format", "json"]).json();
        let text = self.stook(&["status", id]).out;
        let results = &told["results"];
        let said = format!(
            "\n  results      {} received = {} accepted + {} duplicate + {} late + {} refused + {} discarded\n",
            results["received"],
            results["accepted"],
            results["duplicate"],
            results["late"],
            count(&results["refused"]),
            count(&results["discarded"]),
        );
        assert!(text.contains(&said), "{said} in\n{text}");
        for (reason, count) in results["refused"].as_object().unwrap() {
            assert!(text.contains(&format!("{count} {reason}")), "{reason} in\n{text}");
        }
        told
    }

    /// That both formats add up at this moment, and gives how many results of it there are so far.
    fn adds_up(&self, id: &str) -> u64 {
        let status = self.status_where(|_| true);
        adds_up(&status);
        let text = self.stook(&["status", id]).out;
        let line = text.lines().find(|line| line.starts_with("  results ")).unwrap();
        let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert_eq!(numbers[0], numbers[1..].iter().sum::<u64>(), "{line}");
        assert!(line.contains(" = "), "{line}");
        count(&of(&status, id)["results"]["received"])
    }

    /// As it should end, with all that it has started.
    fn stop(mut self) {
        let told = std::process::Command::new("kill").arg(self.host.id().to_string()).status();
        assert!(told.unwrap().success());
        // It does not end while nobody reads what it logs.
        let log: Vec<_> = self.log.by_ref().lines().map(Result::unwrap).collect();
        assert_eq!(self.host.wait().unwrap().code(), Some(0), "{log:#?}");
        assert!(!self.directory.path().join("run/barn").exists(), "its directory is gone");
    }
}

/// Where a test fails. Its collectors follow it.
impl Drop for Barn {
    fn drop(&mut self) {
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}

fn of<'a>(status: &'a Value, id: &str) -> &'a Value {
    let mut all = status["collectors"].as_array().unwrap().iter();
    all.find(|collector| collector["id"] == id).unwrap()
}

/// A count, or the sum of counts by reason.
fn count(of: &Value) -> u64 {
    match of {
        Value::Object(reasons) => reasons.values().map(count).sum(),
        count => count.as_u64().unwrap_or_else(|| panic!("{count} is a count")),
    }
}

/// That every result is in one place for its collector, and that those places are the same as for all.
fn adds_up(status: &Value) {
    let collectors: Vec<_> =
        status["collectors"].as_array().unwrap().iter().map(|collector| &collector["results"]).collect();
    for results in &collectors {
        let places = ["accepted", "duplicate", "late", "refused", "discarded"];
        assert_eq!(
            count(&results["received"]),
            places.map(|place| count(&results[place])).iter().sum::<u64>()
        );
    }
    let all = &status["results"];
    let sum = |place: &str| collectors.iter().map(|results| count(&results[place])).sum::<u64>();
    for place in ["received", "duplicate", "late", "refused", "discarded"] {
        assert_eq!(sum(place), count(&all[place]), "{place} in {status}");
    }
    assert_eq!(sum("accepted"), count(&all["delivered"]) + count(&all["pending"]), "{status}");
    let reasons = all["refused"].as_object().unwrap();
    for (reason, refused) in reasons {
        let by = collectors.iter().map(|results| results["refused"][reason].as_u64().unwrap_or(0));
        assert_eq!(Some(by.sum::<u64>()), refused.as_u64(), "{reason} in {status}");
    }
}

#[test]
fn each_result_of_a_collector_is_in_one_place() {
    let barn = Barn::start(TWO);
    barn.status_where(|status| ["p-1", "p-2"].iter().all(|id| of(status, id)["state"] == "connected"));
    let nothing =
        json!({ "received": 0, "accepted": 0, "duplicate": 0, "late": 0, "refused": {}, "discarded": {} });
    assert_eq!(barn.tells("p-1")["results"], nothing);
    // `keep = "last"`: the first is a duplicate once the second is there.
    assert!(barn.says("p-1", "x", &json!({ "v": 1 })));
    assert_eq!(barn.tells("p-1")["results"]["accepted"], 1);
    assert!(barn.says("p-2", "x", &json!({ "v": 1 })));
    let results = barn.tells("p-1")["results"].clone();
    assert_eq!((&results["accepted"], &results["duplicate"]), (&json!(0), &json!(1)));
    assert_eq!(barn.tells("p-2")["results"]["accepted"], 1);
    // That is two, and the set is released.
    assert!(barn.says("p-1", "x", &json!({ "v": 2 })));
    assert!(barn.says("p-1", "x", &json!({ "v": 3 })), "what is late is no gap");
    assert!(barn.says("p-1", "x", &json!({ "v": 4, "topic": "t.b" })), "nor is what nobody expects");
    assert!(!barn.says("p-1", "x", &json!({ "v": 5, "topic": "t.none" })));
    assert!(!barn.says("p-2", "x", &json!({ "v": 6, "topic": "t.b" })));

    let (one, two) = (barn.tells("p-1"), barn.tells("p-2"));
    let places = json!({ "received": 5, "accepted": 1, "duplicate": 1, "late": 1,
        "refused": { "unknown-topic": 1 }, "discarded": { "unexpected-collector": 1 } });
    assert_eq!(one["results"], places);
    let places = json!({ "received": 2, "accepted": 1, "duplicate": 0, "late": 0,
        "refused": { "topic-not-allowed": 1 }, "discarded": {} });
    assert_eq!(two["results"], places);
    // Tasks of which a result was refused have not succeeded, nor has the collector failed.
    let tasks = |told: &Value| {
        let say = &told["capabilities"][0];
        [&say["succeeded"], &say["refused"], &say["failed"]].map(count)
    };
    assert_eq!((tasks(&one), tasks(&two)), ([4, 1, 0], [1, 1, 0]));
    let all = barn.status_where(|_| true)["tasks"].clone();
    assert_eq!((&all["done"], &all["failed"]), (&json!(5), &json!(2)));

    // Another process of the same id goes on from there.
    let pid = one["pid"].clone();
    assert_eq!(barn.stook(&["restart", "p-1"]).code, 0);
    barn.status_where(|status| {
        let one = of(status, "p-1");
        one["state"] == "connected" && one["pid"] != pid
    });
    assert!(barn.says("p-1", "y", &json!({ "v": 1 })));
    let again = barn.tells("p-1");
    let results = &again["results"];
    assert_eq!([&results["received"], &results["accepted"], &results["late"]].map(count), [6, 2, 1]);
    assert_eq!(tasks(&again), [5, 1, 0]);
    barn.stop();
}

#[test]
fn they_add_up_while_results_come_in() {
    let barn = Barn::start(FLOOD);
    barn.status_where(|_| true);
    let mut before = 0;
    let end = Instant::now() + PATIENCE;
    while before < 5_000 {
        let so_far = barn.adds_up("p-1");
        assert!(so_far >= before && Instant::now() < end, "{so_far} after {before}");
        before = so_far;
    }
    let places = json!({ "received": 5_000, "accepted": 2_000, "duplicate": 1_000, "late": 1_000,
        "refused": { "unknown-topic": 1_000 }, "discarded": {} });
    assert_eq!(barn.tells("p-1")["results"], places);
    barn.stop();
}

#[test]
fn what_has_no_room_is_not_received_before_its_connection_ends() {
    let barn = Barn::start(FULL);
    let pid = barn.status_where(|status| of(status, "p-1")["state"] == "connected");
    let pid = of(&pid, "p-1")["pid"].to_string();
    assert!(barn.says("p-1", "x", &json!({ "v": 1 })));
    assert_eq!(barn.stook(&["submit", "say", "--on", "p-1", "--payload", "{}"]).code, 0);
    barn.status_where(|status| count(&of(status, "p-1")["parked"]) > 0);
    assert_eq!(barn.tells("p-1")["results"]["received"], 1);
    assert!(barn.stook(&["status", "p-1"]).out.contains("\n  parked       "));

    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    barn.status_where(|status| {
        let one = of(status, "p-1");
        one["results"]["received"] == 2 && one["parked"] == 0
    });
    let told = barn.tells("p-1");
    let places = json!({ "received": 2, "accepted": 1, "duplicate": 0, "late": 0, "refused": { "set-full": 1 },
        "discarded": {} });
    assert_eq!((&told["results"], &told["parked"]), (&places, &json!(0)));
    barn.stop();
}
