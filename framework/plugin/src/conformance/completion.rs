//! What is asked of every completion policy.

use std::fmt::{self, Debug, Display, Formatter};
use std::time::Duration;

use stook_types::{CollectorId, Missing, Object, Value};

use super::results::{COLLECTORS, FLAVOURS, collector, hostile, object, payload, result, value};
use super::sent::{absurd, check_conflicts, plausible, said};
use super::{answer, brief, one_of};
use crate::{
    Admission, CompletionPolicy, Conflict, Contribution, Decision, Draw, Member, MissingCollector, Roster,
    RosterEntry, SetView, Unexpected,
};

/// Holds a completion policy to its contract:
///
/// * it panics at no set: empty, without members, of unknown collectors, with payloads that cannot be read, with ages
///   and numbers of bytes beyond all measure;
/// * it has no state: the same set gets the same answers, whatever was asked in between, and whomever else it was asked of;
/// * so do the questions that are asked once: whom it expects, what it reads, what it needs;
/// * no set is complete with fewer results than it says that it [needs](CompletionPolicy::needs_results), or fewer bytes;
///   for a set that ends before a result, this one counts;
/// * whoever says `OpensNext` says that he [may](CompletionPolicy::opens_next);
/// * whoever says that he [reads](CompletionPolicy::reads_value) nothing of the merged value looks at nothing;
/// * `dissent` names collectors that sent something, and at most twice for each value that was sent.
///
/// Whether it counts results where it should count answers, which the [contract](CompletionPolicy#the-wrong-way) shows as the
/// wrong way, is not asked: a policy may want either.
///
/// `make` makes an instance as config would. Payloads are objects with some of the fields `n`, `m` and `o`: let options
/// name these.
///
/// # Panics
/// If the policy does not hold to it.
#[track_caller]
pub fn completion<P: CompletionPolicy>(make: impl Fn() -> P) {
    completion_of(make, &[]);
}

/// The same for a policy that needs payloads of a certain kind to do anything: three of four are one of `payloads`.
///
/// # Panics
/// If the policy does not hold to it.
#[track_caller]
pub fn completion_of<P: CompletionPolicy>(make: impl Fn() -> P, payloads: &[Value]) {
    let asked = make();
    let promises = answer("the questions that are asked once", || Promises::of(&asked));
    for seed in 0..1_000 {
        let mut draw = Draw::new(seed);
        let plausible = Set::plausible(payloads, &promises, &mut draw);
        let absurd = Set::absurd(&promises, &mut draw);
        for set in [plausible, absurd] {
            let set_shown = fmt::from_fn(|f| write!(f, "{set:?}"));
            let at = fmt::from_fn(|f| write!(f, "seed {seed}: {}", brief(&set_shown)));
            let answers = set.asks(&asked, &at);
            assert!(
                set.asks(&asked, &at) == answers && set.asks(&make(), &at) == answers,
                "a policy has no state and no chance: the same set gets the same answers, at {at}"
            );
            promises.allow(&set, &answers, &at);
            if promises.reads_value.is_empty() {
                let value = object(one_of(&FLAVOURS, &mut draw), &mut draw);
                assert!(
                    set.asks_with(Some(&value), &asked, &at) == answers,
                    "who looks at the merged value says so in `reads_value`: the answers depend on it, at {at}"
                );
            }
        }
    }
    assert!(
        Promises::of(&asked) == promises,
        "the questions that are asked once get the same answers at any time: they were {promises:?}"
    );
}

/// What a policy says of itself.
#[derive(Debug, PartialEq)]
struct Promises {
    unexpected: Unexpected,
    awaits_last: bool,
    opens_next: bool,
    compares_collectors: bool,
    reads_value: Vec<Vec<String>>,
    needs_results: Option<(usize, &'static str)>,
    needs_bytes: Option<(usize, &'static str)>,
    check: Option<String>,
}

impl Promises {
    fn of(policy: &impl CompletionPolicy) -> Self {
        Self {
            unexpected: policy.unexpected(),
            awaits_last: policy.awaits_last(),
            opens_next: policy.opens_next(),
            compares_collectors: policy.compares_collectors(),
            reads_value: policy.reads_value().to_vec(),
            needs_results: policy.needs_results(),
            needs_bytes: policy.needs_bytes(),
            check: policy.check(),
        }
    }

    #[track_caller]
    fn allow(&self, set: &Set, answers: &Answers, at: &impl Display) {
        check_conflicts(&answers.dissent, 0, &set.results, at);
        if answers.decision == Decision::Complete {
            self.are_met(set.results.len(), set.bytes, at);
        }
        if answers.admission == Admission::OpensNext {
            assert!(self.opens_next, "who says `OpensNext` says so in `opens_next`, at {at}");
            self.are_met(set.results.len() + 1, set.bytes.saturating_add(set.next.payload.len()), at);
        }
    }

    #[track_caller]
    fn are_met(&self, results: usize, bytes: usize, at: &impl Display) {
        for (what, had, needs) in
            [("results", results, self.needs_results), ("bytes", bytes, self.needs_bytes)]
        {
            if let Some((needs, option)) = needs {
                assert!(
                    had >= needs,
                    "`needs_{what}` is how many there must be: `{option}` needs {needs} {what}, and a set of {had} \
                     is complete, at {at}"
                );
            }
        }
    }
}

/// What a policy says of a set.
#[derive(PartialEq)]
struct Answers {
    decision: Decision,
    admission: Admission,
    expects: Vec<CollectorId>,
    dissent: Vec<Conflict>,
}

/// A set, with what could come next, and whom the host knows.
struct Set {
    results: Vec<Contribution>,
    members: Vec<Member>,
    unassigned: u32,
    bytes: usize,
    age: Duration,
    /// Whether the last result has just entered.
    entered: bool,
    value: Option<Value>,
    next: Contribution,
    roster: Vec<RosterEntry>,
}

impl Debug for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { members, unassigned, bytes, age, entered, value, .. } = self;
        let answered = |member: &Member| (member.collector.to_string(), member.expected, member.answered);
        f.debug_struct("Set")
            .field("results", &format_args!("{}", said(&self.results)))
            .field("members (expected, answered)", &members.iter().map(answered).collect::<Vec<_>>())
            .field("next", &format_args!("{}", said(std::slice::from_ref(&self.next))))
            .field("unassigned", unassigned)
            .field("bytes", bytes)
            .field("age", age)
            .field("entered", entered)
            .field("value", value)
            .finish()
    }
}

impl Set {
    /// As an engine shows sets every day.
    fn plausible(payloads: &[Value], promises: &Promises, draw: &mut Draw) -> Self {
        let mut results = plausible(payloads, draw);
        // One at least may come next.
        let next = results.pop().unwrap_or_else(|| result(payload(&Value::Null), 0, draw));
        let bytes = results.iter().map(|result| result.payload.len()).sum();
        Self {
            members: members(&results, draw),
            unassigned: one_of(&[0, 0, 0, 1], draw),
            bytes,
            age: Duration::from_millis(draw.below(60_000) as u64),
            entered: draw.below(2) == 0,
            value: promised(&promises.reads_value, draw),
            next,
            roster: roster(draw),
            results,
        }
    }

    /// As no engine should ever show one.
    fn absurd(promises: &Promises, draw: &mut Draw) -> Self {
        let results = absurd(draw);
        Self {
            members: if draw.below(2) == 0 { Vec::new() } else { members(&[], draw) },
            unassigned: u32::MAX,
            bytes: one_of(&[0, usize::MAX], draw),
            age: one_of(&[Duration::ZERO, Duration::MAX], draw),
            entered: draw.below(2) == 0,
            value: promised(&promises.reads_value, draw),
            next: result(hostile(draw), usize::MAX, draw),
            roster: Vec::new(),
            results,
        }
    }

    /// Who would be missing if it were released now.
    fn missing(&self) -> Vec<MissingCollector> {
        let missing = self.members.iter().filter(|member| member.expected && !member.answered);
        missing.map(|member| MissingCollector::new(member.collector.clone(), Missing::Timeout)).collect()
    }

    #[track_caller]
    fn asks(&self, policy: &impl CompletionPolicy, at: &impl Display) -> Answers {
        self.asks_with(self.value.as_ref(), policy, at)
    }

    #[track_caller]
    fn asks_with(&self, value: Option<&Value>, policy: &impl CompletionPolicy, at: &impl Display) -> Answers {
        let mut view = SetView::new("test", &self.results, &self.members, self.bytes, self.age);
        view.unassigned = self.unassigned;
        view.value = value;
        answer(at, || {
            // Before a result enters nothing has just entered.
            let admission = policy.admit(&view, &self.next);
            view.arrived = self.results.last().filter(|_| self.entered);
            Answers {
                decision: policy.decide(&view),
                admission,
                expects: policy.expects(&Roster::new(&self.roster)),
                dissent: policy.dissent(&self.results, &self.missing()),
            }
        })
    }
}

/// Those who sent something, and some who did not.
fn members(results: &[Contribution], draw: &mut Draw) -> Vec<Member> {
    let missing = [None, None, Some(Missing::Exited), Some(Missing::TaskFailed), Some(Missing::Disconnected)];
    let mut members = Vec::new();
    for name in COLLECTORS {
        let sent = |result: &Contribution| result.source.collector.as_str() == name;
        let was_heard = results.iter().any(sent);
        if !was_heard && draw.below(2) == 0 {
            continue;
        }
        let mut member = Member::new(collector(name), draw.below(2) == 0);
        // A duplicate is an answer too, and a task's first result is none.
        member.answered = draw.below(4) > 0 || (was_heard && !member.expected);
        member.last = draw.below(2) == 0;
        member.open_tasks = if member.answered { 0 } else { draw.below(3) as u32 };
        member.ended_tasks = draw.below(3) as u32;
        member.missing = one_of(&missing, draw);
        member.failed = member.missing;
        member.withdrawn = draw.below(4) == 0;
        member.refused = draw.below(4) == 0;
        members.push(member);
    }
    members
}

/// An object with some of what is read; `None` where nothing is.
fn promised(paths: &[Vec<String>], draw: &mut Draw) -> Option<Value> {
    if paths.is_empty() {
        return None;
    }
    let mut read = Object::new();
    for path in paths {
        if draw.below(4) > 0 {
            put(&mut read, path, value(one_of(&FLAVOURS, draw), 2, draw));
        }
    }
    Some(Value::Object(read))
}

fn put(into: &mut Object, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(into.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inside = into.entry(name.clone()).or_insert_with(|| Value::Object(Object::new()));
            if let Value::Object(inside) = inside {
                put(inside, rest, value);
            }
        }
    }
}

fn roster(draw: &mut Draw) -> Vec<RosterEntry> {
    let known = COLLECTORS.iter().filter(|_| draw.below(3) > 0).collect::<Vec<_>>();
    known.into_iter().map(|name| RosterEntry::new(collector(name), one_of(&["", "test"], draw))).collect()
}

#[cfg(test)]
#[path = "completion_tests.rs"]
mod tests;
