//! Checks of the topics of all tables together: who takes what, and that it is one only.

use stook_types::{TopicPattern, nearest};

use super::aggregate::AggregateDraft;
use super::collector::CollectorDraft;
use super::table::{Cx, Placed, did_you_mean};

type Pattern<'a> = Placed<'a, TopicPattern>;

/// A topic belongs to exactly one aggregate: the most specific pattern wins, a tie of this one with one before it is an
/// error.
pub(super) fn check_ties(cx: &Cx<'_>, all: &[AggregateDraft<'_>], index: usize) {
    let (before, aggregate) = (&all[..index], &all[index]);
    let patterns: Vec<_> = all.iter().flat_map(|aggregate| &aggregate.topics).collect();
    for topic in &aggregate.topics {
        if !topic.value.is_host_events() {
            check_reserved(cx, topic);
        }
        for other in before {
            let tie = |theirs| Some((theirs, tie(theirs, topic, &patterns)?));
            let tie = other.topics.iter().find_map(tie);
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

/// `[aggregate.NAME.topic."PATTERN"]` is about topics of its aggregate, and no two of them tie.
pub(super) fn check_tables(cx: &Cx<'_>, aggregate: &AggregateDraft<'_>) {
    let patterns: Vec<_> = aggregate.topic_tables.iter().collect();
    for (index, table) in aggregate.topic_tables.iter().enumerate() {
        if aggregate.has_all_topics && !overlaps(&table.value, &aggregate.topics) {
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
            if let Some(witness) = tie(other, table, &patterns) {
                let message = format!(
                    "`{}` and `{}` both match `{witness}`, and neither is more specific",
                    table.value, other.value
                );
                cx.error(table.place, message, "the most specific pattern wins: make one of them narrower");
            }
        }
    }
}

/// What is published must be taken by somebody, if it is known what all `aggregates` take.
pub(super) fn check_publish(
    cx: &Cx<'_>,
    aggregates: Option<&[AggregateDraft<'_>]>,
    collector: &CollectorDraft<'_>,
) {
    if collector.publish.is_empty() {
        let message = format!("collector `{}` may publish nothing", collector.config.id);
        cx.warn(collector.place, message, "grant it topics: publish = [\"events.#\"]");
    }
    for topic in &collector.publish {
        let reserved = check_reserved(cx, topic);
        let Some(aggregates) = aggregates.filter(|_| !reserved) else { continue };
        if aggregates.iter().any(|aggregate| overlaps(&topic.value, &aggregate.topics)) {
            continue;
        }
        let topics: Vec<_> = aggregates.iter().flat_map(|aggregate| &aggregate.topics).collect();
        let near = nearest(topic.value.as_str(), topics.iter().map(|topic| topic.value.as_str()));
        let names: Vec<_> = topics.iter().map(|topic| topic.value.as_str()).collect();
        let valid = if names.is_empty() {
            format!("no aggregate has topics: write [aggregate.NAME] with topics = [\"{}\"]", topic.value)
        } else {
            format!("aggregates take {}", names.join(", "))
        };
        let message =
            format!("no aggregate takes `{}`: what is published there would be refused", topic.value);
        cx.error(topic.place, message, did_you_mean(near, &valid));
    }
}

/// Whether some topic is meant by the pattern and by one of these.
pub(super) fn overlaps(pattern: &TopicPattern, topics: &[Placed<'_, TopicPattern>]) -> bool {
    topics.iter().any(|topic| topic.value.overlap(pattern).is_some())
}

/// A topic that both patterns match, if neither is more specific than the other, and what they have in common is not
/// somebody's by a pattern of its own.
fn tie(a: &Pattern<'_>, b: &Pattern<'_>, among: &[&Pattern<'_>]) -> Option<String> {
    let both = a.value.intersection(&b.value)?;
    let mut others = among.iter().filter(|other| other.value != a.value && other.value != b.value);
    if a.value.covers(&b.value) != b.value.covers(&a.value) || others.any(|other| other.value == both) {
        return None;
    }
    // `#` and `#` overlap in everything, of which the empty topic is none.
    a.value.overlap(&b.value).map(|topic| if topic.is_empty() { "x".to_owned() } else { topic })
}

/// Notes a pattern of topics that nobody may publish; says whether it is one.
fn check_reserved(cx: &Cx<'_>, topic: &Placed<'_, TopicPattern>) -> bool {
    let reserved = topic.value.as_str().starts_with("stook.");
    if reserved {
        let message = format!("`{}` is reserved", topic.value);
        let help = "topics under `stook.` are the host's own; an aggregate may take `stook.events`";
        cx.error(topic.place, message, help);
    }
    reserved
}
