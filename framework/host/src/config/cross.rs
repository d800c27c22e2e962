//! Checks of a config as a whole: what one table says about another.

use std::collections::BTreeSet;

use stook_engine::{KeySpec, NamedPolicy};
use stook_plugin::{Roster, RosterEntry};
use stook_types::units::ByteSize;
use stook_types::{CollectorId, FanOut, nearest};

use super::aggregate::AggregateDraft;
use super::collector::CollectorDraft;
use super::dispatch::Defaults;
use super::node::Place;
use super::sink::SinkDraft;
use super::table::{Cx, Placed, did_you_mean};
use super::task::TaskDraft;
use super::topics;
use super::{Ack, CollectorConfig, Config, HostConfig};

/// Whether what these sections have not got is not there: not if some of them stand under a key that is not known.
pub(super) struct Whole {
    pub(super) aggregates: bool,
    pub(super) collectors: bool,
    pub(super) sinks: bool,
}

/// Everything that was read, each table by itself.
pub(super) struct Draft<'a> {
    pub(super) whole: Whole,
    pub(super) host: HostConfig,
    pub(super) dispatch: Defaults,
    pub(super) aggregates: Vec<AggregateDraft<'a>>,
    pub(super) collectors: Vec<CollectorDraft<'a>>,
    pub(super) tasks: Vec<TaskDraft<'a>>,
    pub(super) sinks: Vec<SinkDraft<'a>>,
}

impl Draft<'_> {
    pub(super) fn into_config(self, cx: &Cx<'_>) -> Config {
        Config {
            host: self.host,
            dispatch: cx.policies.take_config(&self.dispatch),
            aggregates: self.aggregates.into_iter().map(|draft| draft.config).collect(),
            collectors: self.collectors.into_iter().map(|draft| draft.config).collect(),
            tasks: self.tasks.into_iter().map(|draft| draft.config).collect(),
            sinks: self.sinks.into_iter().filter_map(|draft| draft.config).collect(),
        }
    }

    pub(super) fn check(&self, cx: &Cx<'_>) {
        for (index, aggregate) in self.aggregates.iter().enumerate() {
            topics::check_ties(cx, &self.aggregates, index);
            topics::check_tables(cx, aggregate);
            self.check_delivery(cx, aggregate);
            self.check_memory(cx, aggregate);
            self.check_publishers(cx, aggregate);
            self.check_expected(cx, aggregate);
        }
        let has_all =
            self.whole.aggregates && self.aggregates.iter().all(|aggregate| aggregate.has_all_topics);
        let aggregates = has_all.then_some(&*self.aggregates);
        self.collectors.iter().for_each(|collector| topics::check_publish(cx, aggregates, collector));
        for task in &self.tasks {
            self.check_into(cx, task);
            self.check_fan_out(cx, task);
        }
        self.check_sinks(cx);
        if self.aggregates.is_empty() {
            cx.warn(
                &Place::Nowhere,
                "there is no aggregate: every result will be refused",
                "write [aggregate.NAME]",
            );
        }
    }

    fn check_delivery(&self, cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
        let sinks: BTreeSet<_> = self.sinks.iter().map(|sink| &*sink.name).collect();
        for sink in aggregate.deliver.iter().filter(|_| self.whole.sinks) {
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
            collector.publish.iter().any(|topic| topics::overlaps(&topic.value, &aggregate.topics))
        };
        let publishers = self.collectors.iter().filter(may_publish).count();
        if publishers == 0 {
            let message =
                format!("no collector may publish a topic of aggregate `{}`", aggregate.config.spec.name);
            cx.warn(aggregate.place, message, "grant its topics in the `publish` of a collector");
        }
        if publishers > 1 {
            check_order(cx, aggregate, publishers);
        }
    }

    /// A set that waits for somebody unknown ends by its timeout.
    fn check_expected(&self, cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
        let config = self.collectors.iter().map(|collector| &collector.config);
        let entry =
            |of: &CollectorConfig| RosterEntry::new(of.id.clone(), of.kind.clone().unwrap_or_default());
        let mut roster: Vec<_> = config.map(entry).collect();
        roster.sort_by(|a, b| a.id.cmp(&b.id));
        check_union(cx, aggregate, &Roster::new(&roster));
        let (Some(node), false) = (aggregate.complete, roster.is_empty()) else { return };
        let policies = aggregate.config.spec.completion.iter();
        for id in policies.flat_map(|named| named.policy.expects(&Roster::new(&roster))) {
            if roster.iter().all(|entry| entry.id != id) {
                let near = nearest(id.as_str(), roster.iter().map(|entry| entry.id.as_str()));
                let message = format!("sets wait for `{id}`, and there is no [collector.{id}]");
                let help = did_you_mean(near, "until it connects, they end by their timeout");
                cx.warn(node.find(id.as_str()).unwrap_or(&node.place), message, help);
            }
        }
    }

    fn check_into(&self, cx: &Cx<'_>, task: &TaskDraft<'_>) {
        let names: BTreeSet<_> =
            self.aggregates.iter().map(|aggregate| &*aggregate.config.spec.name).collect();
        for name in &task.into {
            if self.whole.aggregates {
                check_name(cx, "aggregate", name, &names);
            }
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

    /// A task for somebody who is not configured would be refused each time it is due.
    fn check_fan_out(&self, cx: &Cx<'_>, task: &TaskDraft<'_>) {
        let FanOut::Ids(ids) = &task.config.fan_out else { return };
        let names: BTreeSet<_> = self.collectors.iter().map(|draft| draft.config.id.as_str()).collect();
        for id in ids.iter().filter(|_| self.whole.collectors) {
            let place = task.fan_out.and_then(|node| node.find(id.as_str())).unwrap_or(task.place);
            check_name(cx, "collector", &Placed { value: id.to_string(), place }, &names);
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

/// A set waits for everybody whom any policy expects, and in one way: none of them ends it with its own collectors alone.
fn check_union(cx: &Cx<'_>, aggregate: &AggregateDraft<'_>, roster: &Roster<'_>) {
    let policies = &aggregate.config.spec.completion;
    let expected = |named: &NamedPolicy| BTreeSet::from_iter(named.policy.expects(roster));
    let expected: Vec<_> = policies.iter().map(expected).filter(|expected| !expected.is_empty()).collect();
    let (Some(node), Some((first, others))) = (aggregate.complete, expected.split_first()) else { return };
    if others.iter().all(|other| other == first) {
        return;
    }
    let union: BTreeSet<_> = expected.iter().flatten().map(CollectorId::as_str).collect();
    let marks = policies.iter().find(|named| named.policy.awaits_last());
    let marks = marks
        .map_or_else(String::new, |named| format!(", and each answers with its last, for `{}`", named.name));
    let message =
        format!("a set waits for all whom one of these expects: {}{marks}", Vec::from_iter(union).join(", "));
    let help = "name the same collectors in each; where some of them are enough, use `quorum` or `count`";
    cx.warn(&node.place, message, help);
}

/// Results of several collectors arrive in any order, so what minds it is a matter of luck.
fn check_order(cx: &Cx<'_>, aggregate: &AggregateDraft<'_>, publishers: usize) {
    let spec = &aggregate.config.spec;
    let depends = spec.order.as_ref().is_none_or(|order| order.depends_on_scheduling());
    let merge = spec.merge.as_ref();
    if !depends || merge.is_some_and(|merge| merge.algebra().commutative) {
        return;
    }
    let minds = merge.and_then(|merge| merge.minds_order());
    let what = minds.as_ref().map_or_else(String::new, |minds| format!(", for {}", minds.what));
    let message = format!(
        "the result depends on scheduling: {publishers} collectors publish here, and merge `{}` minds the order `{}`{what}",
        spec.names.merge, spec.names.order
    );
    let word = minds.and_then(|minds| aggregate.merge?.find(minds.word));
    let place = word.or(aggregate.merge.map(|node| &node.place)).unwrap_or(aggregate.place);
    cx.warn(place, message, "an order by `timestamp` or `sequence` makes it repeatable");
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
