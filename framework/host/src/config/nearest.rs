//! Which policy holds for whom: that of the nearest table. Collector or task, topic, aggregate, `[dispatch]`.

use stook_types::TopicPattern;

use super::aggregate::AggregateDraft;
use super::collector::CollectorDraft;
use super::cross::Draft;
use super::dispatch::{Choice, Choices};
use super::node::{Node, Place};
use super::table::Cx;
use super::task::TaskDraft;

/// What a table selects for one key.
type Get<Id> = for<'c> fn(&'c Choices<'_>) -> Option<(Id, &'c Node)>;

impl Draft<'_> {
    /// Gives every collector and task the policies that hold for it.
    pub(super) fn resolve(&mut self, cx: &Cx<'_>) {
        for collector in &mut self.collectors {
            let detect = for_collector(cx, &self.aggregates, collector, "detect", |choices| {
                choices.detect.as_ref().map(Choice::said)
            });
            let restart = for_collector(cx, &self.aggregates, collector, "restart", |choices| {
                choices.restart.as_ref().map(Choice::said)
            });
            collector.config.detect = detect.unwrap_or(self.dispatch.detect);
            collector.config.restart = restart.unwrap_or(self.dispatch.restart);
        }
        for task in &mut self.tasks {
            task.config.score = task.choices.score.as_ref().map(|choice| choice.id);
            if task.config.score.is_none() {
                check_scores(cx, &self.aggregates, task);
            }
        }
    }
}

/// What the nearest table says that is about a collector: its own, else one of the topics that it may publish, else
/// an aggregate that takes them.
fn for_collector<Id: Copy>(
    cx: &Cx<'_>,
    aggregates: &[AggregateDraft<'_>],
    collector: &CollectorDraft<'_>,
    key: &str,
    get: Get<Id>,
) -> Option<Id> {
    if let Some((id, _)) = get(&collector.choices) {
        return Some(id);
    }
    let (mut of_topics, mut of_aggregates) = (Vec::new(), Vec::new());
    for published in &collector.publish {
        let topics = aggregates
            .iter()
            .flat_map(|aggregate| aggregate.topics.iter().map(move |topic| (&topic.value, aggregate)));
        let takers = holding(&published.value, topics);
        let tables = takers.iter().flat_map(|aggregate| {
            let says = |(pattern, choices)| Some((pattern, (*aggregate, pattern, get(choices)?)));
            aggregate.topic_choices.iter().map(|(pattern, choices)| (pattern, choices)).filter_map(says)
        });
        for (aggregate, pattern, said) in holding(&published.value, tables) {
            of_topics.push((format!("[aggregate.{}.topic.\"{pattern}\"]", aggregate.config.spec.name), said));
        }
        for aggregate in takers {
            let said = get(&aggregate.choices);
            of_aggregates
                .extend(said.map(|said| (format!("[aggregate.{}]", aggregate.config.spec.name), said)));
        }
    }
    let whom = format!("collector `{}`", collector.config.id);
    let nearest = if of_topics.is_empty() { of_aggregates } else { of_topics };
    agreed(cx, collector.place, key, &whom, &nearest)
}

/// What holds for topics that are published, of all that is said by pattern: the most specific one. What is said of a
/// part of them only holds beside it, as do two of which neither is more specific.
fn holding<'p, T>(published: &TopicPattern, said: impl Iterator<Item = (&'p TopicPattern, T)>) -> Vec<T> {
    let all: Vec<_> = said.filter(|(pattern, _)| pattern.overlap(published).is_some()).collect();
    let patterns: Vec<_> = all.iter().map(|(pattern, _)| *pattern).collect();
    let overruled = |pattern: &TopicPattern| {
        let narrower = |other: &TopicPattern| pattern.covers(other) && !other.covers(pattern);
        patterns.iter().any(|other| other.covers(published) && narrower(other))
    };
    all.into_iter().filter(|(pattern, _)| !overruled(pattern)).map(|(_, what)| what).collect()
}

/// The scores of a task's aggregates hold for it where it says nothing itself; they must not contradict each other.
fn check_scores(cx: &Cx<'_>, aggregates: &[AggregateDraft<'_>], task: &TaskDraft<'_>) {
    let into = |aggregate: &&AggregateDraft<'_>| {
        task.into.iter().any(|name| *name.value == *aggregate.config.spec.name)
    };
    let said: Vec<_> = aggregates
        .iter()
        .filter(into)
        .filter_map(|aggregate| {
            let said = aggregate.choices.score.as_ref()?.said();
            Some((format!("[aggregate.{}]", aggregate.config.spec.name), said))
        })
        .collect();
    agreed(cx, task.place, "score", &format!("task `{}`", task.config.name), &said);
}

/// What all tables say that say something; notes it if they say different things.
fn agreed<Id: Copy>(
    cx: &Cx<'_>,
    place: &Place,
    key: &str,
    whom: &str,
    said: &[(String, (Id, &Node))],
) -> Option<Id> {
    let (one, (id, first)) = said.first()?;
    if let Some((other, _)) = said.iter().find(|(_, (_, node))| !node.says_what(first)) {
        let message = format!("{one} and {other} disagree about the `{key}` of {whom}");
        cx.error(place, message, format!("give it a `{key}` of its own, or make the two say the same"));
    }
    Some(*id)
}
