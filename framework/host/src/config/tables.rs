//! Every table of a config, with every key.

use stook_engine::{LateSpec, Limits, Modifiers};
use stook_plugin::PluginKind::{Completion, Dedup, Detection, Merge, Order, Restart, Scoring, Sink};
use stook_plugin::{OptionType, TypeSpec};
use stook_types::Value;
use stook_types::units::{ByteSize, Span};

use super::limits::{Full, Late};
use super::model::{Ack, HostConfig};
use super::spec::Takes::{Named, Plugin, Plugins, Table};
use super::spec::{KeySpec, TableSpec, Takes, tables};

const TEXT: Takes = Takes::Value(TypeSpec::Text);
const TEXTS: Takes = Takes::Value(TypeSpec::List(&TypeSpec::Text));
const SPAN: Takes = Takes::Value(TypeSpec::Span);
const SIZE: Takes = Takes::Value(TypeSpec::ByteSize);
const COUNT: Takes = Takes::Value(TypeSpec::Int(1));
const SHARE: Takes = Takes::Value(TypeSpec::Float);

const PATH: TypeSpec =
    TypeSpec::AnyOf("a field name or an array of names", &[TypeSpec::Text, TypeSpec::List(&TypeSpec::Text)]);
const KEY: Takes = Takes::Value(TypeSpec::AnyOf(
    "\"correlation-id\" or a list of paths",
    &[TypeSpec::Choice(&["correlation-id"]), TypeSpec::List(&PATH)],
));
const FAN_OUT: Takes = Takes::Value(TypeSpec::AnyOf(
    "\"one\", \"each\" or a list of collectors",
    &[TypeSpec::Choice(&["one", "each"]), TypeSpec::List(&TypeSpec::Text)],
));

tables! {
    ROOT, "a config" {
        /// What is true of the host as a whole.
        host: Table(&HOST);
        /// Which results meet in one set, and what becomes of them.
        aggregate: Named(&Table(&AGGREGATE)), like "example";
        /// Who gets a task, when a silent collector is given up, whether it is started again: what holds where no
        /// nearer table says otherwise.
        dispatch: Table(&DISPATCH);
        /// Who may connect, and whom the host starts.
        collector: Named(&Table(&COLLECTOR)), like "example-1";
        /// What the host asks collectors for by itself.
        task: Named(&Table(&TASK)), like "example";
        /// Where released sets go.
        sink: Named(&Plugin(Sink)) => selects("jsonl"), like "stdout";
    }

    HOST, "[host]" {
        /// Its socket lives in a private directory of this name. 1 to 32 of a-z 0-9 -.
        name: TEXT => HostConfig::default().name;
        /// How much all results that wait for their set may take together, in all aggregates.
        memory: SIZE => HostConfig::default().memory.to_value();
    }

    AGGREGATE, "[aggregate.NAME]" {
        /// The topics it takes: `+` stands for one level, `#` for this level and all below. Of two aggregates the one
        /// with the narrower pattern gets a result.
        topics: TEXTS, required like "[\"events.#\"]";
        /// What makes results meet: their correlation ID, or values in the payload, as a list of paths like
        /// ["host", ["message", "pid"]].
        key: KEY => "correlation-id";
        /// When a set is complete: one policy, or a list, of which the first that says so wins. Without one a set ends
        /// by its timeout.
        complete: Plugins(Completion), like "{ use = \"expected\" }";
        /// When a set is released at the latest, from its opening.
        timeout: SPAN, required like "\"30s\"";
        /// When a set is released because nothing more arrived.
        idle: SPAN, like "\"2s\"";
        /// The order in which results are merged.
        order: Plugin(Order) => selects("arrival");
        /// Which results say nothing new.
        dedup: Plugin(Dedup) => selects("none");
        /// How the results of a set become one value.
        merge: Plugin(Merge) => selects("list");
        /// What becomes of a result that comes after its set was released.
        late: Table(&LATE);
        /// How much may wait, and what happens past that.
        limits: Table(&LIMITS);
        /// When a collector is told that its result was taken: `accepted`, when it is in its set, or `delivered`, when
        /// every sink took the set.
        ack: Takes::Value(TypeSpec::Choice(Ack::WORDS)) => Ack::default().as_str();
        /// The sinks that get its sets, by name.
        deliver: TEXTS => Vec::<Value>::new(), like "[\"stdout\"]";
        /// What is different for some of its topics.
        topic: Named(&Table(&TOPIC)), like "events.example";
        /// Who gets a task that goes into it. Left out: as in [dispatch].
        score: Plugin(Scoring), like "{ use = \"least-outstanding\" }";
        /// When a collector that publishes into it is given up. Left out: as in [dispatch].
        detect: Plugin(Detection), like "{ use = \"deadline\" }";
        /// Whether a collector that publishes into it is started again. Left out: as in [dispatch].
        restart: Plugin(Restart), like "{ use = \"backoff\" }";
    }

    TOPIC, "[aggregate.NAME.topic.\"PATTERN\"]" {
        /// Which results say nothing new. Left out: as in its aggregate.
        dedup: Plugin(Dedup), like "{ use = \"none\" }";
        /// Who gets a task for it. Left out: as in its aggregate.
        score: Plugin(Scoring), like "{ use = \"least-outstanding\" }";
        /// When a collector that publishes it is given up. Left out: as in its aggregate.
        detect: Plugin(Detection), like "{ use = \"deadline\" }";
        /// Whether a collector that publishes it is started again. Left out: as in its aggregate.
        restart: Plugin(Restart), like "{ use = \"backoff\" }";
    }

    LATE, "`late`" {
        /// `refuse` answers it as late, `reopen` opens another set of its ID, `correct` releases the old set again, with
        /// the result in it.
        use: Takes::Value(TypeSpec::Choice(Late::WORDS)) => Late::Refuse.as_str();
        /// How long after its first release a set is corrected. Needed with `correct`, and for that only.
        grace: SPAN, like "\"10s\"";
        /// How many released sets are remembered.
        tombstones: COUNT => LateSpec::default().tombstones.to_value();
        /// How long a released set is remembered.
        remember: SPAN => Span(LateSpec::default().remember).to_value();
    }

    LIMITS, "`limits`" {
        /// How many sets may be open.
        sets: COUNT => Limits::default().sets.to_value();
        /// How many results a set may hold.
        results_per_set: COUNT => Limits::default().results_per_set.to_value();
        /// How many bytes a set may hold.
        bytes_per_set: SIZE => ByteSize(Limits::default().bytes_per_set as u64).to_value();
        /// What makes room for a new set: `emit-oldest` releases the set that was idle for longest, `refuse` refuses the
        /// result, `backpressure` lets its collector wait.
        when_full: Takes::Value(TypeSpec::Choice(Full::WORDS)) => Full::EmitOldest.as_str();
    }

    DISPATCH, "[dispatch]" {
        /// Who gets a task.
        score: Plugin(Scoring) => selects(super::dispatch::SCORE);
        /// When a silent collector is given up.
        detect: Plugin(Detection) => selects(super::dispatch::DETECT);
        /// Whether a collector that ended is started again.
        restart: Plugin(Restart) => selects(super::dispatch::RESTART);
        /// How long a collector that has come back takes to get all its slots; "0s" for at once.
        slow_start: SPAN => Span(Modifiers::default().slow_start).to_value();
        /// When a collector that fails its tasks gets none for a while.
        accrual: Table(&ACCRUAL);
    }

    ACCRUAL, "`accrual`" {
        /// After how many failures in a row; 0 for never.
        failures: Takes::Value(TypeSpec::Int(0)) => Modifiers::default().failures.to_value();
        /// For how long, the first time; twice as long each further time, up to 32 times.
        eject: SPAN => Span(Modifiers::default().eject).to_value();
        /// The largest share of the collectors that may be left out at once, from 0.0 (none) to 1.0 (all).
        most: SHARE => Modifiers::default().most_ejected;
        /// If fewer than this share would be left, all of them get tasks, from 0.0 (none) to 1.0 (all).
        panic: SHARE => Modifiers::default().panic_below;
    }

    COLLECTOR, "[collector.ID]" {
        /// The program with its arguments. Left out, somebody else starts it.
        command: TEXTS, like "[\"program\", \"argument\"]";
        /// What kind of collector it is: policies can wait for all of a kind.
        kind: TEXT, like "\"example\"";
        /// The topics that it may publish; whatever else it sends is refused.
        publish: TEXTS => Vec::<Value>::new(), like "[\"events.#\"]";
        /// When it is given up. Left out: as in the aggregate of its topics, or in [dispatch].
        detect: Plugin(Detection), like "{ use = \"deadline\" }";
        /// Whether it is started again. Left out: as in the aggregate of its topics, or in [dispatch].
        restart: Plugin(Restart), like "{ use = \"backoff\" }";
    }

    TASK, "[task.NAME]" {
        /// From one time to the next.
        every: SPAN, required like "\"2s\"";
        /// What collectors are asked for, all under one correlation ID.
        capabilities: TEXTS, required like "[\"example.list\"]";
        /// Who is asked: `one`, the best that can do it, `each` that can, or a list of collectors.
        fan_out: FAN_OUT => "each";
        /// The aggregates that are told whom to expect, by name.
        into: TEXTS => Vec::<Value>::new(), like "[\"example\"]";
        /// Its arguments, whatever its collectors understand.
        payload: Takes::Value(TypeSpec::Other("any value")), like "{ depth = 1 }";
        /// Of two that wait for the same place, the one with the higher priority goes first.
        priority: Takes::Value(TypeSpec::Int(i32::MIN as i64)) => 0_i64;
        /// When no answer is of use any more. Left out: when the last of its sets has ended.
        timeout: SPAN, like "\"30s\"";
        /// How long one attempt may take; then another collector gets it. Left out: as long as the task.
        attempt_timeout: SPAN, like "\"10s\"";
        /// How long a collector that has it may make no progress. Left out, that is not looked at.
        stall_timeout: SPAN, like "\"5s\"";
        /// Who gets it. Left out: as in the aggregate that it goes into, or in [dispatch].
        score: Plugin(Scoring), like "{ use = \"least-outstanding\" }";
    }
}

fn selects(name: &str) -> [(&'static str, &str); 1] {
    [("use", name)]
}
