//! What a config will do, for people.

use std::fmt::{self, Display, Formatter};

use stook_engine::KeySpec;

use super::summary::{Aggregate, Collector, Key, Late, Limits, Summary, Task};

pub(super) struct Text<'a>(pub(super) &'a Summary<'a>);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Summary { host, aggregates, collectors, tasks, sinks } = self.0;
        writeln!(f, "\nhost {}", host.name)?;
        row(
            f,
            "memory",
            format_args!("at most {} of pending results, all aggregates together", host.memory),
        )?;
        aggregates.iter().try_for_each(|aggregate| write_aggregate(f, aggregate))?;
        collectors.iter().try_for_each(|collector| write_collector(f, collector))?;
        tasks.iter().try_for_each(|task| write_task(f, task))?;
        for sink in sinks {
            writeln!(f, "\nsink {}", sink.name)?;
            row(f, "use", sink.plugin)?;
        }
        Ok(())
    }
}

fn write_aggregate(f: &mut Formatter<'_>, aggregate: &Aggregate<'_>) -> fmt::Result {
    writeln!(f, "\naggregate {}", aggregate.name)?;
    row(f, "topics", list(aggregate.topics))?;
    row(f, "key", &aggregate.key)?;
    row(
        f,
        "complete",
        list(if aggregate.complete.is_empty() { &["never by itself"] } else { &aggregate.complete }),
    )?;
    row(f, "timeout", aggregate.timeout)?;
    if let Some(idle) = aggregate.idle {
        row(f, "idle", idle)?;
    }
    row(f, "order", aggregate.order)?;
    row(f, "dedup", aggregate.dedup)?;
    if !aggregate.topic_dedup.is_empty() {
        row(f, "", format_args!("another for {}", list(&aggregate.topic_dedup)))?;
    }
    row(f, "merge", aggregate.merge)?;
    row(f, "late", &aggregate.late)?;
    row(f, "limits", &aggregate.limits)?;
    row(f, "ack", aggregate.ack)?;
    let nowhere = ["subscribers only".into()];
    row(f, "deliver", list(if aggregate.deliver.is_empty() { &nowhere } else { aggregate.deliver }))
}

fn write_collector(f: &mut Formatter<'_>, collector: &Collector<'_>) -> fmt::Result {
    writeln!(f, "\ncollector {}", collector.id)?;
    if let Some(kind) = collector.kind {
        row(f, "kind", kind)?;
    }
    match collector.command {
        Some(words) => row(f, "command", words.join(" "))?,
        None => row(f, "command", "none: somebody else starts it")?,
    }
    match collector.publish {
        [] => row(f, "publish", "nothing"),
        topics => row(f, "publish", list(topics)),
    }
}

fn write_task(f: &mut Formatter<'_>, task: &Task<'_>) -> fmt::Result {
    writeln!(f, "\ntask {}", task.name)?;
    row(f, "every", task.every)?;
    row(f, "asks", format_args!("{} collector for {}", task.fan_out, list(task.capabilities)))?;
    if !task.into.is_empty() {
        row(f, "into", list(task.into))?;
    }
    Ok(())
}

fn row(f: &mut Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "  {name:<9} {value}")
}

fn list<T: Display>(of: &[T]) -> String {
    of.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

impl Display for Key<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            KeySpec::CorrelationId => f.write_str("correlation-id"),
            KeySpec::Paths(paths) => write!(f, "{paths:?}"),
        }
    }
}

impl Display for Late {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.policy)?;
        if let Some(grace) = self.grace {
            write!(f, " for {grace}")?;
        }
        write!(f, "; {} released sets are remembered for {}", self.tombstones, self.remember)
    }
}

impl Display for Limits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sets of {} results and {} each ({} without the host's limit); when full: {}",
            self.sets, self.results_per_set, self.bytes_per_set, self.bytes, self.when_full
        )
    }
}
