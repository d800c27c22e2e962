//! Which aggregate takes a topic.

use std::cmp::Ordering;

use stook_types::{Topic, TopicPattern};

use crate::AggregateSpec;

/// Where results of one topic go. Resolved once per topic of a session, not per result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The aggregate, by its place in the specs.
    pub(crate) aggregate: usize,
    /// The entry of the aggregate's `topic_dedup` that applies, if one does.
    pub(crate) topic_dedup: Option<usize>,
}

impl Route {
    /// The place of the aggregate among the specs that the aggregator was made of.
    pub const fn aggregate(&self) -> usize {
        self.aggregate
    }
}

/// Finds the most specific pattern that matches.
pub(crate) fn route<'a>(specs: impl Iterator<Item = &'a AggregateSpec>, topic: &Topic) -> Option<Route> {
    let specs: Vec<_> = specs.collect();
    let patterns =
        specs.iter().enumerate().flat_map(|(i, spec)| spec.topics.iter().map(move |pattern| (i, pattern)));
    let aggregate = most_specific(patterns, topic)?;
    let dedup = specs[aggregate].topic_dedup.iter().enumerate().map(|(i, (pattern, _))| (i, pattern));
    Some(Route { aggregate, topic_dedup: most_specific(dedup, topic) })
}

/// Of the patterns that match, the one that all the others cover. Config refuses patterns that overlap without one
/// covering the other, unless what they have in common has a pattern of its own; here the earlier of such two wins.
fn most_specific<'a>(
    patterns: impl Iterator<Item = (usize, &'a TopicPattern)>,
    topic: &Topic,
) -> Option<usize> {
    let narrower =
        |(_, a): &(usize, &TopicPattern), (_, b): &(usize, &TopicPattern)| match (a.covers(b), b.covers(a)) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => Ordering::Equal,
        };
    patterns.filter(|(_, pattern)| pattern.matches(topic)).min_by(narrower).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_most_specific_pattern_wins() {
        let spec = |topics: &[&str]| {
            let topics = topics.iter().map(|topic| TopicPattern::new(topic).unwrap()).collect();
            AggregateSpec::new("a", topics, Duration::from_secs(1))
        };
        let specs = [spec(&["#"]), spec(&["a.#", "z"]), spec(&["a.+.c"]), spec(&["a.b.c"])];
        let check = |topic: &str, index| {
            assert_eq!(
                route(specs.iter(), &Topic::new(topic).unwrap()).map(|route| route.aggregate),
                Some(index),
                "{topic}"
            );
        };
        check("a.b.c", 3);
        check("a.x.c", 2);
        check("a.x", 1);
        check("a", 1);
        check("z", 1);
        check("b", 0);
        assert_eq!(route(specs[1..].iter(), &Topic::new("b").unwrap()), None);
    }
}
