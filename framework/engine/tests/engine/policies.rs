//! Small plugins, obviously right, so that the engine's tests need none of the shipped ones.

use std::cmp::Ordering;
use std::time::Duration;

use stook_engine::NamedPolicy;
use stook_plugin::{
    Admission, Algebra, CompletionPolicy, Conflicts, Contribution, Decision, DedupMemory, DedupStrategy,
    Identity, Keep, MergeError, MergeInput, MergeStrategy, Merged, OrderStrategy, Roster, RunningMerge,
    Scope, SetView, Unexpected,
};
use stook_types::{CollectorId, DecodeError, Refusal, Value};

/// Complete with so many results.
struct Count(usize);

impl CompletionPolicy for Count {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        complete_if(set.results.len() >= self.0)
    }
}

/// Complete when so many distinct collectors answered.
struct Quorum(usize);

impl CompletionPolicy for Quorum {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        complete_if(set.answers() >= self.0)
    }
}

/// Complete when everybody who is expected answered, and every task has found somebody; expects these where nobody
/// announced anybody.
struct Everybody(Vec<CollectorId>, Unexpected);

impl CompletionPolicy for Everybody {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let answered = set.expected().next().is_some() && set.expected().all(|member| member.answered);
        complete_if(answered && set.unassigned == 0)
    }

    fn expects(&self, _: &Roster<'_>) -> Vec<CollectorId> {
        self.0.clone()
    }

    fn unexpected(&self) -> Unexpected {
        self.1
    }
}

/// Complete when everybody who is expected has flagged a last result, or has ended its tasks.
struct Lasts(Everybody);

impl CompletionPolicy for Lasts {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        self.0.decide(set)
    }

    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        self.0.expects(roster)
    }

    fn unexpected(&self) -> Unexpected {
        self.0.unexpected()
    }

    fn awaits_last(&self) -> bool {
        true
    }
}

/// Whatever this function says.
struct Ask<F>(F);

impl<F: Fn(&SetView<'_>) -> Decision + Send + Sync + 'static> CompletionPolicy for Ask<F> {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        self.0(set)
    }
}

/// Never complete by itself; admits as this function says.
struct Admits<F>(F);

impl<F> CompletionPolicy for Admits<F>
where
    F: Fn(&SetView<'_>, &Contribution) -> Admission + Send + Sync + 'static,
{
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn admit(&self, set: &SetView<'_>, next: &Contribution) -> Admission {
        self.0(set, next)
    }

    fn opens_next(&self) -> bool {
        true
    }
}

/// Equal payload bytes are equal results; payloads that are no JSON are errors.
struct SameBytes(DedupMemory);

impl DedupStrategy for SameBytes {
    fn identity(&self, result: &Contribution) -> Result<Option<Identity>, DecodeError> {
        result.payload.decode()?;
        let fold = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Ok(Some(Identity(result.payload.bytes().iter().fold(0xcbf2_9ce4_8422_2325, fold))))
    }

    fn memory(&self) -> DedupMemory {
        self.0
    }
}

/// Whatever this function says, as an order.
pub(crate) struct By<F>(pub(crate) F);

impl<F> OrderStrategy for By<F>
where
    F: Fn(&Contribution, &Contribution) -> Ordering + Send + Sync + 'static,
{
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        self.0(a, b)
    }
}

/// Whatever this function says, as a merge.
pub(crate) struct MergeBy<F>(pub(crate) F);

impl<F> MergeStrategy for MergeBy<F>
where
    F: Fn(&MergeInput<'_>) -> Result<Merged, MergeError> + Send + Sync + 'static,
{
    fn algebra(&self) -> Algebra {
        Algebra::default()
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        self.0(input)
    }
}

/// The sum of payloads that are numbers, which can be followed: `{"sum": 6}`.
pub(crate) struct Sum;

/// The sum so far. Claims to hold so many bytes for each result.
struct SumSoFar(i64, usize);

impl MergeStrategy for Sum {
    fn algebra(&self) -> Algebra {
        Algebra { commutative: true, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        let mut sum = SumSoFar(0, 0);
        input.results.iter().for_each(|result| sum.push(result));
        Ok(Merged::Value(sum.value()))
    }

    fn running(&self, paths: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
        assert_eq!(paths, [["sum"]]);
        Ok(Box::new(SumSoFar(0, 0)))
    }
}

impl RunningMerge for SumSoFar {
    fn push(&mut self, result: &Contribution) {
        if let Ok(Value::Int(n)) = result.payload.decode() {
            self.0 += n;
        }
        self.1 += 10;
    }

    fn value(&self) -> Value {
        Value::Object([("sum".to_owned(), Value::Int(self.0))].into())
    }

    fn bytes(&self) -> usize {
        self.1
    }
}

/// Complete when the sum so far is this or more.
struct Reaches(i64, Vec<Vec<String>>);

impl CompletionPolicy for Reaches {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        sum_so_far(set).map_or(Decision::Undecided, |sum| complete_if(sum >= self.0))
    }

    fn reads_value(&self) -> &[Vec<String>] {
        &self.1
    }
}

pub(crate) const fn complete_if(complete: bool) -> Decision {
    if complete { Decision::Complete } else { Decision::Pending }
}

pub(crate) fn named(name: &'static str, policy: impl CompletionPolicy) -> NamedPolicy {
    NamedPolicy { name, policy: Box::new(policy) }
}

pub(crate) fn count(n: usize) -> NamedPolicy {
    named("count", Count(n))
}

pub(crate) fn quorum(k: usize) -> NamedPolicy {
    named("quorum", Quorum(k))
}

/// `expected` for announced sets only.
pub(crate) fn announced() -> NamedPolicy {
    expected(&[])
}

pub(crate) fn expected(collectors: &[&str]) -> NamedPolicy {
    expected_or(collectors, Unexpected::Include)
}

pub(crate) fn expected_or(collectors: &[&str], unexpected: Unexpected) -> NamedPolicy {
    let collectors = collectors.iter().map(|id| CollectorId::new(id).unwrap()).collect();
    named("expected", Everybody(collectors, unexpected))
}

pub(crate) fn lasts(collectors: &[&str]) -> NamedPolicy {
    NamedPolicy { name: "lasts", ..expected_and_last(collectors, Unexpected::Include) }
}

/// As `expected_or`, and only a last result is an answer.
pub(crate) fn expected_and_last(collectors: &[&str], unexpected: Unexpected) -> NamedPolicy {
    let collectors = collectors.iter().map(|id| CollectorId::new(id).unwrap()).collect();
    named("expected", Lasts(Everybody(collectors, unexpected)))
}

/// What [`Sum`] says so far.
pub(crate) fn sum_so_far(set: &SetView<'_>) -> Option<i64> {
    match set.value?.at(&["sum"]) {
        Some(Value::Int(sum)) => Some(*sum),
        _ => None,
    }
}

pub(crate) fn reaches(sum: i64) -> NamedPolicy {
    named("reaches", Reaches(sum, vec![vec!["sum".to_owned()]]))
}

pub(crate) fn ask(decide: impl Fn(&SetView<'_>) -> Decision + Send + Sync + 'static) -> NamedPolicy {
    named("ask", Ask(decide))
}

pub(crate) fn admits(
    name: &'static str,
    admit: impl Fn(&SetView<'_>, &Contribution) -> Admission + Send + Sync + 'static,
) -> NamedPolicy {
    named(name, Admits(admit))
}

/// A payload of this text starts a set.
pub(crate) fn starts(marker: &'static str) -> NamedPolicy {
    admits("starts", move |_, next| match next.payload.bytes() == marker {
        true => Admission::OpensNext,
        false => Admission::Enters,
    })
}

/// What would make a set larger than this many bytes opens the next.
pub(crate) fn before(most: usize) -> NamedPolicy {
    admits("before", move |set, next| match set.bytes + next.payload.len() > most {
        true => Admission::OpensNext,
        false => Admission::Enters,
    })
}

/// A payload of this text is refused.
pub(crate) fn refuses(marker: &'static str) -> NamedPolicy {
    admits("refuses", move |_, next| match next.payload.bytes() == marker {
        true => Admission::Refused(Refusal::CountMismatch),
        false => Admission::Enters,
    })
}

pub(crate) fn same_bytes(memory: DedupMemory) -> Box<dyn DedupStrategy> {
    Box::new(SameBytes(memory))
}

pub(crate) fn remember(scope: Scope, window_ms: u64, capacity: usize, keep: Keep) -> Box<dyn DedupStrategy> {
    same_bytes(DedupMemory::bounded(scope, Duration::from_millis(window_ms), capacity, keep))
}
