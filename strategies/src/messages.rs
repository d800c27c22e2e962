//! What an integrator reads of the shipped plugins: why options are refused, why a merge failed. See `messages/`.

use stook_messages::expect_file;
use stook_plugin::{
    CompletionPolicy, Conflicts, DedupStrategy, FailureDetector, MergeInput, MergeStrategy, PluginType,
    Registration, RestartPolicy, ScoringPolicy, Sink,
};

use crate::completion::{Bytes, Condition, Count, Expected, Marker, Quorum};
use crate::dedup::Content;
use crate::detection::{Deadline, PhiAccrual};
use crate::merge::{Fields, Join, Vote};
use crate::restart::{Backoff, Intensity};
use crate::scoring::{HotCold, PeakEwma, SeedWeighted};
use crate::sink::Jsonl;
use crate::testing::{build, made, results};

/// What a plugin says of each of these options, of which a host knows no more than that each is of its type.
fn refused<T: PluginType + ?Sized>(plugin: &Registration, attempts: &[&str]) -> String {
    let mut page = format!("# {} {}\n\n", plugin.kind, plugin.name);
    for options in attempts {
        let Err(error) = build::<T>(plugin, options) else { panic!("{options} was taken") };
        let what = error.option.map_or_else(String::new, |option| format!("bad `{option}`: "));
        // A host says instead where it stands in the config.
        let message = error.message.split(" at line 1 column ").next().unwrap_or_default();
        page += &format!("  {options}\n    {what}{message}\n");
    }
    page + "\n"
}

#[test]
fn options_of_what_decides() {
    let page = [
        refused::<dyn CompletionPolicy>(&Registration::completion::<Bytes>(""), &[r#"{"bytes":"0B"}"#]),
        refused::<dyn CompletionPolicy>(
            &Registration::completion::<Condition>(""),
            &[r#"{"when":"set.count == 1","on":"set","boundary":"start"}"#],
        ),
        refused::<dyn CompletionPolicy>(
            &Registration::completion::<Count>(""),
            &["{}", r#"{"count":1,"count_field":"n"}"#, r#"{"count_field":[]}"#],
        ),
        refused::<dyn CompletionPolicy>(
            &Registration::completion::<Expected>(""),
            &[r#"{"collectors":["a b"]}"#, r#"{"kinds":[""]}"#],
        ),
        refused::<dyn CompletionPolicy>(&Registration::completion::<Marker>(""), &[r#"{"kinds":[""]}"#]),
        refused::<dyn CompletionPolicy>(
            &Registration::completion::<Quorum>(""),
            &[r#"{"k":0}"#, r#"{"k":-3}"#, r#"{"k":1,"agree_on":[[]]}"#],
        ),
        refused::<dyn DedupStrategy>(
            &Registration::dedup::<Content>(""),
            &[r#"{"fields":["a"],"ignore":["b"]}"#, r#"{"window":"0s"}"#, r#"{"fields":[[]]}"#],
        ),
        refused::<dyn FailureDetector>(
            &Registration::detection::<Deadline>(""),
            &[
                r#"{"heartbeat":"0s"}"#,
                r#"{"dead_after":"0s"}"#,
                r#"{"dead_after":"2s"}"#,
                r#"{"heartbeat":"10s"}"#,
            ],
        ),
        refused::<dyn FailureDetector>(
            &Registration::detection::<PhiAccrual>(""),
            &[
                r#"{"heartbeat":"0s"}"#,
                r#"{"threshold":0.5}"#,
                r#"{"threshold":1e300}"#,
                r#"{"min_deviation":"0s"}"#,
            ],
        ),
        refused::<dyn RestartPolicy>(
            &Registration::restart::<Backoff>(""),
            &[
                r#"{"initial":"0s"}"#,
                r#"{"initial":"1m"}"#,
                r#"{"factor":0.5}"#,
                r#"{"jitter":20}"#,
                r#"{"give_up":{"restarts":1000}}"#,
                r#"{"give_up":{"within":"0s"}}"#,
            ],
        ),
        refused::<dyn RestartPolicy>(
            &Registration::restart::<Intensity>(""),
            &[r#"{"restarts":100}"#, r#"{"within":"0s"}"#],
        ),
        refused::<dyn ScoringPolicy>(
            &Registration::scoring::<HotCold>(""),
            &[r#"{"quantile":-0.1}"#, r#"{"quantile":1.1}"#, r#"{"quantile":84}"#],
        ),
        refused::<dyn ScoringPolicy>(&Registration::scoring::<PeakEwma>(""), &[r#"{"decay":"0s"}"#]),
        refused::<dyn ScoringPolicy>(&Registration::scoring::<SeedWeighted>(""), &[r#"{"memory":0}"#]),
        refused::<dyn Sink>(&Registration::sink::<Jsonl>(""), &[r#"{"path":""}"#]),
    ];
    expect_file!["messages/options.txt"].assert_eq(&page.concat());
}

#[test]
fn options_of_merges() {
    let page = [
        refused::<dyn MergeStrategy>(
            &Registration::merge::<Fields>(""),
            &[
                r#"{"rules":{"n":"summ"}}"#,
                r#"{"default":"banana"}"#,
                r#"{"rules":{"n":{"use":"concat","seperator":""}}}"#,
                r#"{"rules":{"n":{"use":"max","separator":""}}}"#,
                r#"{"rules":{"n":{"use":"concat","separator":7}}}"#,
                r#"{"rules":{"n":{"use":"sum","overflow":"saturat"}}}"#,
                r#"{"rules":{"n":{"separator":""}}}"#,
                r#"{"rules":{"n":{"use":7}}}"#,
                r#"{"rules":{"n":true}}"#,
                r#"{"paths":[{"use":"sum"}]}"#,
                r#"{"paths":[{"path":[],"use":"sum"}]}"#,
                r#"{"paths":["n"]}"#,
                r#"{"rules":{"n":"sum"},"paths":[{"path":"n","use":"max"}]}"#,
                r#"{"rules":{"events":"array"},"paths":[{"path":["events","sev"],"use":"sum"}]}"#,
                r#"{"paths":[{"path":["a","b","c"],"use":"sum"},{"path":["a","b"],"use":"array"}]}"#,
            ],
        ),
        refused::<dyn MergeStrategy>(&Registration::merge::<Join>(""), &[r#"{"on":[]}"#, r#"{"on":7}"#]),
        refused::<dyn MergeStrategy>(&Registration::merge::<Vote>(""), &[r#"{"k":0}"#]),
    ];
    expect_file!["messages/merges.txt"].assert_eq(&page.concat());
}

/// Why the value of a set is the list of its payloads, and why a field of it cannot be asked for while it is open.
#[test]
fn failures() {
    let fails = |options: &str, sent: &[(&str, &str)]| {
        let merged =
            made::<Vote>(options).merge(&MergeInput::new("a", &results(sent)), &mut Conflicts::default());
        format!("  vote {options}\n    {}\n", merged.expect_err("no majority"))
    };
    let unfollowed = |path: &[&str]| {
        let fields = made::<Fields>(
            r#"{"default":"sum","rules":{"m":"concat"},"paths":[{"path":["p","x"],"use":"sum"},{"path":["p","y"],"use":"first"}]}"#,
        );
        let names = path.iter().map(|name| (*name).to_owned()).collect();
        let why = fields.running(&[names]).err().expect("it cannot be followed");
        format!("  set.value{}\n    {why}\n", path.iter().map(|name| format!(".{name}")).collect::<String>())
    };
    let page = [
        "# a merge failed\n\n".to_owned(),
        fails(r#"{"k":2}"#, &[("p1", "1"), ("p2", "2")]),
        fails(r#"{"k":2}"#, &[("p1", "1"), ("p2", "2"), ("p3", "1"), ("p4", "2")]),
        "\n# a field of the merged value is not followed\n\n".to_owned(),
        unfollowed(&["m"]),
        unfollowed(&["m", "x"]),
        unfollowed(&["p", "y"]),
        unfollowed(&["p"]),
        unfollowed(&[]),
    ];
    expect_file!["messages/failures.txt"].assert_eq(&page.concat());
}
