//! How things stand, for people.

use crate::look::{Look, many, size, time};
use crate::output::{Paint, Style};
use crate::table::{Cell, Table};

use super::collector;

pub(super) struct Text<'a> {
    pub(super) status: Look<'a>,
    /// What a command has to be given to ask the same host.
    pub(super) host: &'a str,
}

/// More tasks in flight are counted only.
const LEASES: usize = 5;

impl Text<'_> {
    pub(super) fn whole(&self, paint: Paint) -> String {
        let sections = [
            self.host(paint),
            self.collectors(paint),
            self.sums(paint),
            self.queues(paint),
            self.leases(paint),
            self.aggregates(paint),
            self.sinks(paint),
            self.held_up(paint),
            self.quarantine(paint),
            self.plugins(paint),
        ];
        let sections: Vec<_> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        sections.join("\n")
    }

    fn host(&self, paint: Paint) -> String {
        let (host, memory) = (self.status.field("host"), self.status.field("memory"));
        let refused = match host.field("connections_refused").count() {
            0 => String::new(),
            some => format!(", {} refused", many(some, "connection")),
        };
        format!(
            "{}  process {}, up {}, memory {} of {}{refused}\n",
            paint.paint(Style::Bold, &format!("host {}", host.field("name").shown())),
            host.field("pid").shown(),
            time(host.field("uptime_ms").count().saturating_mul(1_000)),
            size(memory.field("used").count()),
            size(memory.field("limit").count()),
        )
    }

    fn collectors(&self, paint: Paint) -> String {
        let collectors = self.status.field("collectors").list();
        if collectors.len() == 0 {
            return section(paint, "collectors", "  none is configured\n".to_owned());
        }
        section(paint, "collectors", collector::table(collectors, paint))
    }

    /// Tasks and results: where each of them is.
    fn sums(&self, paint: Paint) -> String {
        let (tasks, results) = (self.status.field("tasks"), self.status.field("results"));
        let mut text = format!(
            "{}    {}\n",
            paint.paint(Style::Bold, "tasks"),
            equation(tasks, "submitted", &["done", "partial", "failed", "quarantined", "open"])
        );
        let beside = ["in_flight", "assigned", "redistributed", "returned", "stale"];
        let beside = beside.map(|name| format!("{} {}", tasks.field(name).count(), name.replace('_', " ")));
        text.push_str(&format!("         {}\n", beside.join(", ")));
        text.push_str(&format!(
            "{}  {}\n",
            paint.paint(Style::Bold, "results"),
            equation(
                results,
                "received",
                &["delivered", "duplicate", "late", "refused", "discarded", "pending"]
            )
        ));
        by_reason(results).for_each(|line| text.push_str(&format!("         {line}\n")));
        text
    }

    fn queues(&self, paint: Paint) -> String {
        let queues = self.status.field("queues").list();
        let waiting = queues.filter(|queue| queue.field("waiting").count() > 0);
        let mut table = Table::of(&["CAPABILITY", "WAITING", "OLDEST", "SERVED"]);
        let mut any = false;
        for queue in waiting {
            any = true;
            let served = match queue.field("served").is_true() {
                true => Cell::text("yes"),
                false => Cell::text("by nobody who is connected").styled(Style::Red),
            };
            table.row([
                Cell::text(queue.field("capability").shown()),
                Cell::number(queue.field("waiting").count()),
                Cell::number(age(queue.field("oldest_ms"))),
                served,
            ]);
        }
        if any { section(paint, "queues", table.lines(paint)) } else { String::new() }
    }

    fn leases(&self, paint: Paint) -> String {
        let leases = self.status.field("leases").list();
        let all = self.status.field("tasks").field("in_flight").count();
        if leases.len() == 0 {
            return String::new();
        }
        let mut table = Table::of(&["TASK", "CAPABILITY", "COLLECTOR", "AGE", "ATTEMPT"]);
        for lease in leases.clone().take(LEASES) {
            table.row([
                Cell::text(lease.field("task").shown()),
                Cell::text(lease.field("capability").shown()),
                Cell::text(lease.field("collector").shown()),
                Cell::number(time(lease.field("age_ms").count().saturating_mul(1_000))),
                Cell::number(lease.field("attempt").count()),
            ]);
        }
        let shown = leases.len().min(LEASES) as i64;
        let title = if all > shown { format!("in flight, the oldest of {all}") } else { "in flight".into() };
        section(paint, &title, table.lines(paint))
    }

    fn aggregates(&self, paint: Paint) -> String {
        let aggregates = self.status.field("aggregates").list();
        if aggregates.len() == 0 {
            return String::new();
        }
        let mut table = Table::of(&[
            "NAME",
            "OPEN SETS",
            "OLDEST",
            "MEMORY",
            "RELEASED",
            "REMEMBERED",
            "RECEIVED",
            "DELIVERED",
            "DUPLICATE",
            "LATE",
            "REFUSED",
            "DISCARDED",
            "PENDING",
        ]);
        for aggregate in aggregates {
            let results = aggregate.field("results");
            table.row([
                Cell::text(aggregate.field("name").shown()),
                Cell::number(aggregate.field("open").count()),
                Cell::number(age(aggregate.field("oldest_ms"))),
                Cell::number(size(aggregate.field("memory").count())),
                Cell::number(aggregate.field("released").count()),
                Cell::number(aggregate.field("tombstones").count()),
                Cell::number(results.field("received").count()),
                Cell::number(results.field("delivered").count()),
                Cell::number(results.field("duplicate").count()),
                Cell::number(results.field("late").count()),
                Cell::number(sum_of(results.field("refused"))),
                Cell::number(sum_of(results.field("discarded"))),
                Cell::number(results.field("pending").count()),
            ]);
        }
        section(paint, "aggregates", table.lines(paint))
    }

    fn sinks(&self, paint: Paint) -> String {
        let sinks = self.status.field("sinks").list();
        if sinks.len() == 0 {
            return String::new();
        }
        let mut table = Table::of(&["NAME", "WAITING", "STALLED", "STATE"]);
        for sink in sinks {
            table.row([
                Cell::text(sink.field("name").shown()),
                Cell::number(sink.field("waiting").count()),
                Cell::number(age(sink.field("stalled_ms"))),
                state_of(sink),
            ]);
        }
        section(paint, "sinks", table.lines(paint))
    }

    /// What waits although there is somebody to take it, and why.
    fn held_up(&self, paint: Paint) -> String {
        let aggregates = self.status.field("aggregates").list().filter_map(|aggregate| {
            let by: Vec<_> =
                aggregate.field("held_up_by").list().map(|by| why_held_up(&by.shown())).collect();
            let name = aggregate.field("name").shown();
            (!by.is_empty()).then(|| format!("  aggregate {name}: {}\n", by.join("; ")))
        });
        let collectors = self.status.field("collectors").list().filter_map(|collector| {
            let parked = collector::parked(collector)?;
            Some(format!("  collector {}: {parked}\n", collector.field("id").shown()))
        });
        let all: String = aggregates.chain(collectors).collect();
        if all.is_empty() { all } else { section(paint, "held up", all) }
    }

    fn quarantine(&self, paint: Paint) -> String {
        let quarantine = self.status.field("quarantine");
        let collectors = quarantine.field("collectors").list().map(|id| {
            let id = id.shown();
            format!("  collector {id}: once its cause is mended, `stook restart{} {id}`\n", self.host)
        });
        let tasks = quarantine.field("tasks").list().map(|task| {
            let (name, capability) = (task.field("task").shown(), task.field("capability").shown());
            // One that was submitted by hand is named like what it asks for.
            let part = if name == capability { String::new() } else { format!(" ({capability})") };
            format!(
                "  task {name}{part}, correlation ID {}: it has killed {}, the last was {}; nobody is given it again\n",
                task.field("correlation_id").shown(),
                many(task.field("kills").count(), "collector"),
                task.field("collector").shown(),
            )
        });
        let all: String = collectors.chain(tasks).collect();
        if all.is_empty() { all } else { section(paint, "quarantine", all) }
    }

    fn plugins(&self, paint: Paint) -> String {
        let plugins = self.status.field("plugins");
        let misbehaved = plugins
            .field("misbehaved")
            .counts()
            .map(|(name, count)| format!("  {name}: panicked or made no sense {}\n", many(count, "time")));
        let slow = plugins.field("slow").counts();
        let slow = slow.map(|(name, count)| format!("  {name}: took too long {}\n", many(count, "time")));
        let aggregates = self.status.field("aggregates").list();
        let undecided =
            aggregates.filter(|aggregate| aggregate.field("undecided").count() > 0).map(|aggregate| {
                let (name, count) = (aggregate.field("name").shown(), aggregate.field("undecided").count());
                format!(
                    "  completion of {name}: could not tell {}, by what results contain\n",
                    many(count, "time")
                )
            });
        let all: String = misbehaved.chain(slow).chain(undecided).collect();
        if all.is_empty() { all } else { section(paint, "plugins", all) }
    }
}

fn section(paint: Paint, title: &str, lines: String) -> String {
    format!("{}\n{lines}", paint.paint(Style::Bold, title))
}

/// What an aggregate waits for, in words; what this command does not know, as the host says it.
fn why_held_up(by: &str) -> String {
    match by {
        "sets" => "as many sets are open as `limits.sets` allows".to_owned(),
        "memory" => "the host's memory is used up".to_owned(),
        _ => match by.strip_prefix("sink ") {
            Some(sink) => format!("the sink `{sink}` does not keep up"),
            None => by.to_owned(),
        },
    }
}

/// Whether a sink keeps up, and if not, why.
fn state_of(sink: Look<'_>) -> Cell {
    let style = if sink.field("full").is_true() { Style::Red } else { Style::Plain };
    if let Some(error) = sink.field("error").text() {
        return Cell::text(format!("fails: {error}")).styled(Style::Red);
    }
    if let Some(consumer) = sink.field("consumer").some() {
        if !consumer.field("connected").is_true() {
            return Cell::text("its consumer is not connected").styled(Style::Red);
        }
        let pid = consumer.field("pid").int().map_or_else(String::new, |pid| format!("process {pid}, "));
        let unacknowledged = consumer.field("unacknowledged").count();
        return Cell::text(format!("{pid}{unacknowledged} unacknowledged")).styled(style);
    }
    Cell::text(if style == Style::Red { "does not keep up" } else { "takes what comes" }).styled(style)
}

/// A time in milliseconds, if there is one.
pub(super) fn age(millis: Look<'_>) -> String {
    millis.int().map_or_else(|| "-".to_owned(), |millis| time(millis.saturating_mul(1_000)))
}

fn sum_of(counts: Look<'_>) -> i64 {
    counts.counts().map(|(_, count)| count).sum()
}

/// `12 submitted = 9 done + 3 open`: whoever looks sees that nothing is lost. (`!=` would be a mistake in stook.)
pub(super) fn equation(of: Look<'_>, name: &str, parts: &[&str]) -> String {
    let count = |name: &str| of.field(name).int().unwrap_or_else(|| sum_of(of.field(name)));
    let (total, counts) = (count(name), parts.iter().map(|part| count(part)));
    let sign = if counts.clone().sum::<i64>() == total { "=" } else { "!=" };
    let parts: Vec<_> = counts.zip(parts).map(|(count, name)| format!("{count} {name}")).collect();
    format!("{total} {name} {sign} {}", parts.join(" + "))
}

/// For which reasons results were refused and discarded, a line each.
pub(super) fn by_reason(results: Look<'_>) -> impl Iterator<Item = String> {
    ["refused", "discarded"].into_iter().filter_map(move |why| {
        let counts = results.field(why).counts().map(|(reason, count)| format!("{count} {reason}"));
        let counts: Vec<_> = counts.collect();
        (!counts.is_empty()).then(|| format!("{why}: {}", counts.join(", ")))
    })
}
