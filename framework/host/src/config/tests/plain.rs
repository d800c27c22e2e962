//! What a sound config becomes.

use std::time::Duration;

use stook_engine::{KeySpec, LatePolicy, LateSpec, Limits, PluginNames, WhenFull};
use stook_plugin::types::units::ByteSize;

use stook_types::FanOut;

use super::plain;
use crate::config::Ack;

#[test]
fn everything_given() {
    let config = plain(
        r#"
[host]
name = "barn"
memory = "64MiB"
[aggregate.scan]
topics = ["events.process.#", "events.network.#"]
key = ["host", ["message", "p.id"]]
complete = [{ use = "count", count = 3 }, { use = "everybody", ids = ["procmond-1"] }]
timeout = "30s"
idle = "2s"
order = { use = "by-time" }
dedup = { use = "same", scope = "aggregate" }
merge = { use = "total" }
late = { use = "correct", grace = "10s", tombstones = 5, remember = "1m" }
limits = { sets = 6, results_per_set = 7, bytes_per_set = "16KiB", when_full = "backpressure" }
ack = "delivered"
deliver = ["out"]
[aggregate.scan.topic."events.process.integrity"]
dedup = { use = "same" }
[aggregate.other]
topics = ["other"]
timeout = "1s"
[collector.procmond-1]
command = ["procmond", "--fast"]
kind = "procmond"
publish = ["events.process.#"]
[task.scan]
every = "2s"
capabilities = ["process.list", "process.integrity"]
fan_out = "each"
into = ["other"]
[sink.out]
use = "explodes"
path = "-"
"#,
    );
    assert_eq!((config.host.name.as_str(), config.host.memory), ("barn", ByteSize(64 << 20)));
    let scan = &config.aggregates[0];
    let spec = &scan.spec;
    assert_eq!((&*spec.name, spec.timeout, spec.idle), ("scan", secs(30), Some(secs(2))));
    assert_eq!(
        spec.topics.iter().map(|topic| topic.as_str()).collect::<Vec<_>>(),
        ["events.process.#", "events.network.#"]
    );
    assert_eq!(spec.key, KeySpec::Paths(vec![vec!["host".into()], vec!["message".into(), "p.id".into()]]));
    assert_eq!(spec.completion.iter().map(|named| named.name).collect::<Vec<_>>(), ["count", "everybody"]);
    assert!(spec.order.is_some() && spec.dedup.is_some() && spec.merge.is_some());
    let names = PluginNames { order: "by-time", dedup: "same", topic_dedup: vec!["same"], merge: "total" };
    assert_eq!(spec.names, names);
    assert_eq!(spec.topic_dedup[0].0.as_str(), "events.process.integrity");
    let late = LateSpec { policy: LatePolicy::Correct(secs(10)), tombstones: 5, remember: secs(60) };
    assert_eq!(spec.late, late);
    let limits =
        Limits { sets: 6, results_per_set: 7, bytes_per_set: 16 << 10, when_full: WhenFull::Backpressure };
    assert_eq!(spec.limits, limits);
    assert_eq!((scan.ack, &*scan.deliver[0]), (Ack::Delivered, "out"));
    let collector = &config.collectors[0];
    assert_eq!((collector.id.as_str(), collector.kind.as_deref()), ("procmond-1", Some("procmond")));
    assert_eq!(collector.command.as_deref(), Some(&["procmond".to_owned(), "--fast".to_owned()][..]));
    assert_eq!(collector.publish[0].as_str(), "events.process.#");
    let task = &config.tasks[0];
    assert_eq!((&*task.name, task.every, task.fan_out.clone()), ("scan", secs(2), FanOut::Each));
    assert_eq!(
        task.capabilities.iter().map(|of| of.as_str()).collect::<Vec<_>>(),
        ["process.list", "process.integrity"]
    );
    assert_eq!(&*task.into[0], "other");
    assert_eq!((&*config.sinks[0].name, config.sinks[0].plugin), ("out", "explodes"));
}

#[test]
fn the_least_that_is_possible() {
    let config = plain("[aggregate.a]\ntopics = [\"t\"]\ntimeout = \"1s\"");
    assert_eq!((config.host.name.as_str(), config.host.memory), ("stook", ByteSize(512 << 20)));
    let aggregate = &config.aggregates[0];
    let spec = &aggregate.spec;
    assert_eq!(spec.key, KeySpec::CorrelationId);
    assert_eq!((spec.late, spec.limits), (LateSpec::default(), Limits::default()));
    assert!(spec.completion.is_empty() && spec.idle.is_none());
    assert!(spec.order.is_none() && spec.dedup.is_none() && spec.merge.is_none());
    assert_eq!(spec.names, PluginNames::default());
    assert_eq!((aggregate.ack, aggregate.deliver.len()), (Ack::Accepted, 0));
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
