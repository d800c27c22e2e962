//! What a config will do, for people.

use std::fmt::{self, Display, Formatter};

use stook::FanOut;
use stook_engine::KeySpec;

use super::room::{Room, SMALL};
use super::summary::{Accrual, Aggregate, Collector, Dispatch, Key, Late, Limits, Summary, Task, Whom};

pub(super) struct Text<'a>(pub(super) &'a Summary<'a>);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Summary { host, aggregates, dispatch, collectors, tasks, sinks } = self.0;
        writeln!(f, "\nhost {}", host.name)?;
        row(
            f,
            "memory",
            format_args!("at most {} of pending results, all aggregates together", host.memory),
        )?;
        aggregates.iter().try_for_each(|aggregate| write_aggregate(f, aggregate))?;
        write_dispatch(f, dispatch)?;
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
    row(f, "room", aggregate.limits.room)?;
    row(f, "", Beside(aggregate.limits.room))?;
    if let Some(score) = aggregate.score {
        row(f, "score", score)?;
    }
    for (pattern, score) in &aggregate.topic_score {
        row(f, "score", format_args!("{score} for {pattern}"))?;
    }
    row(f, "ack", aggregate.ack)?;
    let nowhere = ["subscribers only".into()];
    row(f, "deliver", list(if aggregate.deliver.is_empty() { &nowhere } else { aggregate.deliver }))
}

fn write_dispatch(f: &mut Formatter<'_>, dispatch: &Dispatch) -> fmt::Result {
    writeln!(f, "\ndispatch")?;
    row(f, "score", dispatch.score)?;
    row(f, "detect", dispatch.detect)?;
    row(f, "restart", dispatch.restart)?;
    row(f, "slow start", dispatch.slow_start)?;
    row(f, "accrual", &dispatch.accrual)
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
        [] => row(f, "publish", "nothing")?,
        topics => row(f, "publish", list(topics))?,
    }
    row(f, "detect", collector.detect)?;
    collector.restart.map_or(Ok(()), |restart| row(f, "restart", restart))
}

fn write_task(f: &mut Formatter<'_>, task: &Task<'_>) -> fmt::Result {
    writeln!(f, "\ntask {}", task.name)?;
    row(f, "every", task.every)?;
    row(f, "asks", format_args!("{} for {}", task.fan_out, list(task.capabilities)))?;
    if let Some(score) = task.score {
        row(f, "score", score)?;
    }
    if task.payload {
        row(f, "payload", "yes")?;
    }
    if task.priority != 0 {
        row(f, "priority", task.priority)?;
    }
    let spans = [("timeout", task.timeout), ("attempt", task.attempt_timeout), ("stall", task.stall_timeout)];
    for (name, span) in spans {
        span.map_or(Ok(()), |span| row(f, name, span))?;
    }
    if !task.into.is_empty() {
        row(f, "into", list(task.into))?;
    }
    Ok(())
}

fn row(f: &mut Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "  {name:<10} {value}")
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
            self.sets,
            self.results_per_set,
            self.bytes_per_set,
            self.bytes.rounded(),
            self.when_full
        )
    }
}

impl Display for Room {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the host's memory holds about {} sets of one {SMALL}-byte result, or {} as large as they may be; ",
            self.small_sets, self.full_sets
        )?;
        f.write_str(match self.first {
            "sets" => "`sets` is reached first",
            _ => "it is full before `sets` is reached",
        })
    }
}

/// What is in memory beside the host's budget.
struct Beside(Room);

impl Display for Beside {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Room { tombstones, dedup, .. } = self.0;
        write!(f, "beside it up to {} for released sets", tombstones.rounded())?;
        if dedup.bytes() > 0 {
            write!(f, " and {} for what dedup remembers", dedup.rounded())?;
        }
        Ok(())
    }
}

impl Display for Whom<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            FanOut::One => f.write_str("the best collector"),
            FanOut::Each => f.write_str("each collector"),
            FanOut::Ids(ids) => f.write_str(&list(ids)),
        }
    }
}

impl Display for Accrual {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.failures == 0 {
            return f.write_str("nobody is ejected for failures");
        }
        let percent = |share: f64| (share * 100.0).round();
        write!(
            f,
            "ejected for {} after {} failures in a row; at most {}% at a time, none if less than {}% would be left",
            self.eject,
            self.failures,
            percent(self.most),
            percent(self.panic),
        )
    }
}
