//! The plugins of an aggregate under a clock. Every method is passed on, those with defaults too.

use std::cmp::Ordering;

use stook_engine::{AggregateSpec, NamedPolicy};
use stook_plugin::{
    Admission, Algebra, CompletionPolicy, Conflict, Conflicts, Contribution, Decision, DedupMemory,
    DedupStrategy, Identity, MergeError, MergeInput, MergeStrategy, Merged, MindsOrder, MissingCollector,
    OrderStrategy, PluginKind, Provenance, Roster, RunningMerge, SetView, Unexpected,
};
use stook_types::{CollectorId, DecodeError, Value};

use super::{Slow, Timed};

impl Slow {
    /// Puts a clock to every plugin of an aggregate.
    pub(crate) fn watch_aggregate(&self, spec: AggregateSpec) -> AggregateSpec {
        let names = spec.names.clone();
        let completion = |NamedPolicy { name, policy }| NamedPolicy {
            name,
            policy: self.timed((PluginKind::Completion, name), policy),
        };
        let dedup = |name, dedup| -> Box<dyn DedupStrategy> { self.timed((PluginKind::Dedup, name), dedup) };
        let order = |order| -> Box<dyn OrderStrategy> { self.timed((PluginKind::Order, names.order), order) };
        let merge = |merge| -> Box<dyn MergeStrategy> { self.timed((PluginKind::Merge, names.merge), merge) };
        let topics = spec.topic_dedup.into_iter().enumerate();
        AggregateSpec {
            completion: spec.completion.into_iter().map(completion).collect(),
            order: spec.order.map(order),
            dedup: spec.dedup.map(|strategy| dedup(names.dedup, strategy)),
            topic_dedup: topics
                .map(|(i, (topic, strategy))| (topic, dedup(names.dedup_of(Some(i)), strategy)))
                .collect(),
            merge: spec.merge.map(merge),
            ..spec
        }
    }
}

impl CompletionPolicy for Timed<dyn CompletionPolicy> {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        self.clock.time(|| self.policy.decide(set))
    }

    fn admit(&self, set: &SetView<'_>, next: &Contribution) -> Admission {
        self.clock.time(|| self.policy.admit(set, next))
    }

    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        self.clock.time(|| self.policy.expects(roster))
    }

    fn unexpected(&self) -> Unexpected {
        self.policy.unexpected()
    }

    fn awaits_last(&self) -> bool {
        self.policy.awaits_last()
    }

    fn opens_next(&self) -> bool {
        self.policy.opens_next()
    }

    fn reads_value(&self) -> &[Vec<String>] {
        self.policy.reads_value()
    }

    fn dissent(&self, results: &[Contribution], missing: &[MissingCollector]) -> Vec<Conflict> {
        self.clock.time(|| self.policy.dissent(results, missing))
    }

    fn compares_collectors(&self) -> bool {
        self.policy.compares_collectors()
    }

    fn needs_results(&self) -> Option<(usize, &'static str)> {
        self.policy.needs_results()
    }

    fn needs_bytes(&self) -> Option<(usize, &'static str)> {
        self.policy.needs_bytes()
    }

    fn check(&self) -> Option<String> {
        self.policy.check()
    }
}

impl DedupStrategy for Timed<dyn DedupStrategy> {
    fn identity(&self, result: &Contribution) -> Result<Option<Identity>, DecodeError> {
        self.clock.time(|| self.policy.identity(result))
    }

    fn memory(&self) -> DedupMemory {
        self.policy.memory()
    }
}

/// A whole sort is timed by nobody: a single comparison that takes long is, and a sort of quick ones is not the
/// strategy's fault.
impl OrderStrategy for Timed<dyn OrderStrategy> {
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        self.clock.time(|| self.policy.compare(a, b))
    }

    fn depends_on_scheduling(&self) -> bool {
        self.policy.depends_on_scheduling()
    }
}

impl MergeStrategy for Timed<dyn MergeStrategy> {
    fn algebra(&self) -> Algebra {
        self.policy.algebra()
    }

    fn compares_collectors(&self) -> bool {
        self.policy.compares_collectors()
    }

    fn minds_order(&self) -> Option<MindsOrder> {
        self.policy.minds_order()
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        self.clock.time(|| self.policy.merge(input, conflicts))
    }

    fn provenance(&self, input: &MergeInput<'_>) -> Vec<Provenance> {
        self.clock.time(|| self.policy.provenance(input))
    }

    fn running(&self, paths: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
        let policy = self.clock.time(|| self.policy.running(paths))?;
        Ok(Box::new(Timed { clock: self.clock.clone(), policy }))
    }
}

impl RunningMerge for Timed<dyn RunningMerge> {
    fn push(&mut self, result: &Contribution) {
        self.clock.time(|| self.policy.push(result));
    }

    fn value(&self) -> Value {
        self.clock.time(|| self.policy.value())
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.policy).saturating_add(self.policy.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timed::TOO_LONG;
    use std::time::{Duration, Instant};
    use stook_plugin::{Scope, types::TopicPattern};

    /// Answers everything otherwise than by default, and takes its time where it counts.
    struct Odd(bool);

    impl Odd {
        fn slow<T>(&self, answer: T) -> T {
            let start = Instant::now();
            while self.0 && start.elapsed() < TOO_LONG {}
            answer
        }
    }

    impl CompletionPolicy for Odd {
        fn decide(&self, _: &SetView<'_>) -> Decision {
            self.slow(Decision::Undecided)
        }

        fn admit(&self, _: &SetView<'_>, _: &Contribution) -> Admission {
            Admission::OpensNext
        }

        fn expects(&self, _: &Roster<'_>) -> Vec<CollectorId> {
            vec![CollectorId::new("p1").unwrap()]
        }

        fn unexpected(&self) -> Unexpected {
            Unexpected::Refuse
        }

        fn awaits_last(&self) -> bool {
            true
        }

        fn opens_next(&self) -> bool {
            true
        }

        fn reads_value(&self) -> &[Vec<String>] {
            const { &[Vec::new()] }
        }

        fn dissent(&self, _: &[Contribution], _: &[MissingCollector]) -> Vec<Conflict> {
            let p1 = CollectorId::new("p1").unwrap();
            vec![Conflict::of_payload(stook_plugin::ConflictKind::Disagree, &p1)]
        }

        fn compares_collectors(&self) -> bool {
            true
        }

        fn needs_results(&self) -> Option<(usize, &'static str)> {
            Some((1, "n"))
        }

        fn needs_bytes(&self) -> Option<(usize, &'static str)> {
            Some((2, "b"))
        }

        fn check(&self) -> Option<String> {
            Some("odd".into())
        }
    }

    impl DedupStrategy for Odd {
        fn identity(&self, _: &Contribution) -> Result<Option<Identity>, DecodeError> {
            self.slow(Ok(Some(Identity(7))))
        }

        fn memory(&self) -> DedupMemory {
            DedupMemory::of_set()
        }
    }

    impl OrderStrategy for Odd {
        fn compare(&self, _: &Contribution, _: &Contribution) -> Ordering {
            self.slow(Ordering::Greater)
        }

        fn depends_on_scheduling(&self) -> bool {
            true
        }
    }

    impl MergeStrategy for Odd {
        fn algebra(&self) -> Algebra {
            Algebra { commutative: true, ..Algebra::default() }
        }

        fn compares_collectors(&self) -> bool {
            true
        }

        fn minds_order(&self) -> Option<MindsOrder> {
            Some(MindsOrder::new("its odd", "odd"))
        }

        fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
            self.slow(Ok(input.list()))
        }

        fn provenance(&self, _: &MergeInput<'_>) -> Vec<Provenance> {
            vec![Provenance::new(Vec::new(), Vec::new())]
        }

        fn running(&self, _: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
            Ok(Box::new(Odd(self.0)))
        }
    }

    impl RunningMerge for Odd {
        fn push(&mut self, _: &Contribution) {
            self.slow(());
        }

        fn value(&self) -> Value {
            Value::Int(3)
        }

        fn bytes(&self) -> usize {
            9
        }
    }

    fn watched(slow: &Slow, is_slow: bool) -> AggregateSpec {
        let mut spec = AggregateSpec::new("a", Vec::new(), Duration::from_secs(1));
        spec.completion = vec![NamedPolicy { name: "complete", policy: Box::new(Odd(is_slow)) }];
        spec.dedup = Some(Box::new(Odd(is_slow)));
        spec.topic_dedup = vec![(TopicPattern::new("t").unwrap(), Box::new(Odd(is_slow)))];
        spec.order = Some(Box::new(Odd(is_slow)));
        spec.merge = Some(Box::new(Odd(is_slow)));
        spec.names.topic_dedup = vec!["special"];
        slow.watch_aggregate(spec)
    }

    fn result() -> Contribution {
        use stook_types::{Encoding, Incarnation, Payload, SessionEpoch, Topic};
        static NULL: Encoding = Encoding { content_type: "none", decode: |_| Ok(Value::Null) };
        let p1 = CollectorId::new("p1").unwrap();
        let source = stook_plugin::Source::new(p1, "p", Incarnation::random(), SessionEpoch(1), None);
        let payload = Payload::new(Default::default(), &NULL);
        Contribution::new(std::sync::Arc::new(source), Topic::new("t").unwrap(), 1, payload)
    }

    #[test]
    fn every_answer_is_that_of_the_plugin() {
        let slow = Slow::default();
        let spec = watched(&slow, false);
        let (view, result) = (SetView::new("a", &[], &[], 0, Duration::ZERO), result());
        let policy = &spec.completion[0].policy;
        assert_eq!(policy.decide(&view), Decision::Undecided);
        assert_eq!(policy.admit(&view, &result), Admission::OpensNext);
        assert_eq!(policy.expects(&Roster::new(&[])).len(), 1);
        assert_eq!((policy.unexpected(), policy.awaits_last()), (Unexpected::Refuse, true));
        assert_eq!((policy.reads_value().len(), policy.dissent(&[], &[]).len()), (1, 1));
        assert!(policy.compares_collectors() && policy.opens_next());
        assert_eq!((policy.needs_results(), policy.needs_bytes()), (Some((1, "n")), Some((2, "b"))));
        assert_eq!(policy.check().as_deref(), Some("odd"));
        for dedup in spec.dedup.iter().chain(spec.topic_dedup.iter().map(|(_, dedup)| dedup)) {
            assert_eq!(dedup.identity(&result), Ok(Some(Identity(7))));
            assert_eq!(dedup.memory().scope, Scope::Set);
        }
        let (order, merge) = (spec.order.unwrap(), spec.merge.unwrap());
        assert_eq!(order.compare(&result, &result), Ordering::Greater);
        assert!(order.depends_on_scheduling() && merge.algebra().commutative && merge.compares_collectors());
        assert!(merge.minds_order().is_some());
        let input = MergeInput::new("a", &[]);
        assert!(merge.merge(&input, &mut Conflicts::default()).is_ok());
        assert_eq!(merge.provenance(&input).len(), 1);
        let running = merge.running(&[]).unwrap();
        assert_eq!((running.value(), running.bytes()), (Value::Int(3), 9 + size_of::<Odd>()));
        assert!(!slow.any());
    }

    #[test]
    fn who_takes_too_long_is_named() {
        let slow = Slow::default();
        let spec = watched(&slow, true);
        let result = result();
        spec.completion[0].policy.decide(&SetView::new("a", &[], &[], 0, Duration::ZERO));
        spec.dedup.unwrap().identity(&result).unwrap();
        spec.topic_dedup[0].1.identity(&result).unwrap();
        spec.order.unwrap().compare(&result, &result);
        spec.merge.unwrap().running(&[]).unwrap().push(&result);
        let named: Vec<_> = slow.look().into_iter().map(|(of, calls)| (of, calls.count)).collect();
        let all = [
            (PluginKind::Completion, "complete"),
            (PluginKind::Dedup, "none"),
            (PluginKind::Dedup, "special"),
            (PluginKind::Merge, "list"),
            (PluginKind::Order, "arrival"),
        ];
        assert_eq!(named, all.map(|of| (of, 1)));
    }
}
