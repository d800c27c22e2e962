//! Checks of a config as a whole: what one table says about another.

use std::collections::BTreeSet;

use stook_engine::KeySpec;
use stook_types::units::ByteSize;
use stook_types::{TopicPattern, nearest};

use super::aggregate::AggregateDraft;
use super::collector::CollectorDraft;
use super::node::Place;
use super::sink::SinkDraft;
use super::table::{Cx, Placed, did_you_mean};
use super::task::TaskDraft;
use super::{Ack, Config, HostConfig};

/// Everything that was read, each table by itself.
pub(super) struct Draft<'a> {
    pub(super) host: HostConfig,
    pub(super) aggregates: Vec<AggregateDraft<'a>>,
    pub(super) collectors: Vec<CollectorDraft<'a>>,
    pub(super) tasks: Vec<TaskDraft<'a>>,
    pub(super) sinks: Vec<SinkDraft<'a>>,
}

impl Draft<'_> {
    pub(super) fn into_config(self) -> Config {
        Config {
            host: self.host,
            aggregates: self.aggregates.into_iter().map(|draft| draft.config).collect(),
            collectors: self.collectors.into_iter().map(|draft| draft.config).collect(),
            tasks: self.tasks.into_iter().map(|draft| draft.config).collect(),
            sinks: self.sinks.into_iter().filter_map(|draft| draft.config).collect(),
        }
    }

    pub(super) fn check(&self, cx: &Cx<'_>) {
        for (index, aggregate) in self.aggregates.iter().enumerate() {
            self.check_topics(cx, &self.aggregates[..index], aggregate);
            check_topic_tables(cx, aggregate);
            self.check_delivery(cx, aggregate);
            self.check_memory(cx, aggregate);
            self.check_publishers(cx, aggregate);
        }
        self.collectors.iter().for_each(|collector| self.check_publish(cx, collector));
        self.tasks.iter().for_each(|task| self.check_into(cx, task));
        self.check_sinks(cx);
        if self.aggregates.is_empty() {
            cx.warn(
                &Place::Nowhere,
                "there is no aggregate: every result will be refused",
                "write [aggregate.NAME]",
            );
        }
    }

    /// A topic belongs to exactly one aggregate: the most specific pattern wins, a tie is an error.
    fn check_topics(&self, cx: &Cx<'_>, before: &[AggregateDraft<'_>], aggregate: &AggregateDraft<'_>) {
        for topic in &aggregate.topics {
            check_reserved(cx, topic);
            for other in before {
                let tie =
                    other.topics.iter().find_map(|theirs| Some((theirs, tie(&theirs.value, &topic.value)?)));
                let Some((theirs, witness)) = tie else { continue };
                let message = format!(
                    "`{}` and `{}` of aggregate `{}` both match `{witness}`, and neither is more specific",
                    topic.value, theirs.value, other.config.spec.name
                );
                let help = "a topic belongs to one aggregate: make one of the patterns narrower";
                cx.error(topic.place, message, help);
            }
        }
    }

    fn check_delivery(&self, cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
        let sinks: BTreeSet<_> = self.sinks.iter().map(|sink| &*sink.name).collect();
        for sink in &aggregate.deliver {
            check_name(cx, "sink", sink, &sinks);
        }
        if aggregate.config.ack == Ack::Delivered && aggregate.deliver.is_empty() {
            let message = "`ack = \"delivered\"` waits for sinks, and `deliver` names none";
            cx.warn(aggregate.ack_place, message, "name a sink in `deliver`, or leave `ack` out");
        }
    }

    fn check_memory(&self, cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
        let (set, budget) = (aggregate.config.spec.limits.bytes_per_set, self.host.memory);
        if set > budget.bytes() {
            let message = format!(
                "a set of aggregate `{}` may hold {}, more than the host's `memory` of {budget}",
                aggregate.config.spec.name,
                ByteSize(set as u64)
            );
            cx.warn(aggregate.place, message, "lower limits.bytes_per_set, or raise host.memory");
        }
    }

    /// Only configured collectors publish, so where none is configured there is nothing to say.
    fn check_publishers(&self, cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
        if self.collectors.is_empty() || aggregate.topics.is_empty() {
            return;
        }
        let may_publish = |collector: &&CollectorDraft<'_>| {
            collector.publish.iter().any(|topic| overlaps(&topic.value, &aggregate.topics))
        };
        let publishers = self.collectors.iter().filter(may_publish).count();
        if publishers == 0 {
            let message =
                format!("no collector may publish a topic of aggregate `{}`", aggregate.config.spec.name);
            cx.warn(aggregate.place, message, "grant its topics in the `publish` of a collector");
        }
        let config = &aggregate.config;
        let depends = config.spec.order.as_ref().is_none_or(|order| order.depends_on_scheduling());
        let commutes = config.spec.merge.as_ref().is_some_and(|merge| merge.algebra().commutative);
        if publishers > 1 && depends && !commutes {
            let message = format!(
                "the result depends on scheduling: {publishers} collectors publish here, and merge `{}` minds the order `{}`",
                config.merge, config.order
            );
            cx.warn(
                aggregate.merge_place,
                message,
                "an order by `timestamp` or `sequence` makes it repeatable",
            );
        }
    }

    fn check_publish(&self, cx: &Cx<'_>, collector: &CollectorDraft<'_>) {
        if collector.publish.is_empty() {
            let message = format!("collector `{}` may publish nothing", collector.config.id);
            cx.warn(collector.place, message, "grant it topics: publish = [\"events.#\"]");
        }
        for topic in &collector.publish {
            let taken = self.aggregates.iter().any(|aggregate| overlaps(&topic.value, &aggregate.topics));
            if check_reserved(cx, topic) || taken {
                continue;
            }
            let topics: Vec<_> = self.aggregates.iter().flat_map(|aggregate| &aggregate.topics).collect();
            let near = nearest(topic.value.as_str(), topics.iter().map(|topic| topic.value.as_str()));
            let names: Vec<_> = topics.iter().map(|topic| topic.value.as_str()).collect();
            let valid = if names.is_empty() {
                "no aggregate has topics".to_owned()
            } else {
                format!("aggregates take {}", names.join(", "))
            };
            let message =
                format!("no aggregate takes `{}`: what is published there would be refused", topic.value);
            cx.error(topic.place, message, did_you_mean(near, &valid));
        }
    }

    fn check_into(&self, cx: &Cx<'_>, task: &TaskDraft<'_>) {
        let names: BTreeSet<_> =
            self.aggregates.iter().map(|aggregate| &*aggregate.config.spec.name).collect();
        for name in &task.into {
            check_name(cx, "aggregate", name, &names);
            let keyed_by_payload = self.aggregates.iter().any(|aggregate| {
                *aggregate.config.spec.name == *name.value
                    && aggregate.config.spec.key != KeySpec::CorrelationId
            });
            if keyed_by_payload {
                let message = format!(
                    "aggregate `{}` cannot expect a task's answers: its sets have no correlation ID",
                    name.value
                );
                cx.error(name.place, message, "name an aggregate with key = \"correlation-id\"");
            }
        }
    }

    fn check_sinks(&self, cx: &Cx<'_>) {
        for sink in &self.sinks {
            let used = self.aggregates.iter().any(|aggregate| aggregate.config.deliver.contains(&sink.name));
            if !used {
                let message = format!("nothing is delivered to sink `{}`", sink.name);
                cx.warn(sink.place, message, "name it in the `deliver` of an aggregate");
            }
        }
    }
}

fn check_topic_tables(cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
    for (index, table) in aggregate.topic_tables.iter().enumerate() {
        if !overlaps(&table.value, &aggregate.topics) {
            let topics: Vec<_> = aggregate.topics.iter().map(|topic| topic.value.as_str()).collect();
            let near = nearest(table.value.as_str(), topics.iter().copied());
            let message =
                format!("`{}` matches no topic of aggregate `{}`", table.value, aggregate.config.spec.name);
            cx.error(
                table.place,
                message,
                did_you_mean(near, &format!("its topics are {}", topics.join(", "))),
            );
        }
        for other in &aggregate.topic_tables[..index] {
            if let Some(witness) = tie(&other.value, &table.value) {
                let message = format!(
                    "`{}` and `{}` both match `{witness}`, and neither is more specific",
                    table.value, other.value
                );
                cx.error(table.place, message, "the most specific pattern wins: make one of them narrower");
            }
        }
    }
}

/// Notes a pattern of topics that nobody may publish; says whether it is one.
fn check_reserved(cx: &Cx<'_>, topic: &Placed<'_, TopicPattern>) -> bool {
    let reserved = topic.value.as_str().starts_with("stook.");
    if reserved {
        let message = format!("`{}` is reserved", topic.value);
        cx.error(topic.place, message, "topics under `stook.` are the host's own");
    }
    reserved
}

/// Notes a reference to something that is not there.
fn check_name(cx: &Cx<'_>, what: &str, name: &Placed<'_, String>, names: &BTreeSet<&str>) {
    if names.contains(name.value.as_str()) {
        return;
    }
    let near = nearest(&name.value, names.iter().copied());
    let list: Vec<_> = names.iter().copied().collect();
    let valid = if list.is_empty() {
        format!("there is no [{what}.NAME]")
    } else {
        format!("there is {}", list.join(", "))
    };
    cx.error(name.place, format!("no {what} is named `{}`", name.value), did_you_mean(near, &valid));
}

fn overlaps(pattern: &TopicPattern, topics: &[Placed<'_, TopicPattern>]) -> bool {
    topics.iter().any(|topic| topic.value.overlap(pattern).is_some())
}

/// A topic that both patterns match, if neither is more specific than the other.
fn tie(a: &TopicPattern, b: &TopicPattern) -> Option<String> {
    // `#` and `#` overlap in everything, of which the empty topic is none.
    let witness = a.overlap(b).map(|topic| if topic.is_empty() { "x".to_owned() } else { topic })?;
    (a.covers(b) == b.covers(a)).then_some(witness)
}
