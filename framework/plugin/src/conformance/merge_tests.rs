use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::*;
use crate::conformance::testing::violates;
use crate::{Algebra, Conflict, ConflictKind, Merged, RunningMerge};

/// A strategy that merges by this, and says this of itself.
struct By<F> {
    merge: F,
    algebra: Algebra,
    provenance: fn(&MergeInput<'_>) -> Vec<Provenance>,
    running: fn() -> Box<dyn RunningMerge>,
}

type Made = Result<Merged, MergeError>;

/// One that promises nothing, and follows nothing.
fn by<F: Fn(&MergeInput<'_>, &mut Conflicts) -> Made + Send + Sync + 'static>(merge: F) -> By<F> {
    let running = || -> Box<dyn RunningMerge> { Box::new(Count(0)) };
    By { merge, algebra: Algebra::default(), provenance: |_| Vec::new(), running }
}

impl<F: Fn(&MergeInput<'_>, &mut Conflicts) -> Made + Send + Sync + 'static> MergeStrategy for By<F> {
    fn algebra(&self) -> Algebra {
        self.algebra
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Made {
        (self.merge)(input, conflicts)
    }

    fn provenance(&self, input: &MergeInput<'_>) -> Vec<Provenance> {
        (self.provenance)(input)
    }

    fn running(&self, paths: &[Vec<String>]) -> Result<Box<dyn RunningMerge>, MergeError> {
        match paths {
            [path] if path == &["count"] => Ok((self.running)()),
            _ => Err(MergeError::new("there is only a count")),
        }
    }
}

/// Counts results.
struct Count(i64);

impl RunningMerge for Count {
    fn push(&mut self, _: &Contribution) {
        self.0 += 1;
    }

    fn value(&self) -> Value {
        Value::from([("count", self.0)])
    }
}

/// Misses the third.
struct Miscount(Count);

impl RunningMerge for Miscount {
    fn push(&mut self, result: &Contribution) {
        self.0.push(result);
    }

    fn value(&self) -> Value {
        Value::from([("count", self.0.0.min(2))])
    }
}

fn counted(input: &MergeInput<'_>, _: &mut Conflicts) -> Made {
    Ok(Merged::Value(Value::from([("count", input.results.len() as i64)])))
}

fn listed(input: &MergeInput<'_>, _: &mut Conflicts) -> Made {
    Ok(input.list())
}

fn first(input: &MergeInput<'_>, _: &mut Conflicts) -> Made {
    let first = input.results.first().ok_or_else(|| MergeError::new("nobody said anything"))?;
    Ok(Merged::Payload(first.payload.clone()))
}

fn everybody(input: &MergeInput<'_>) -> Vec<Provenance> {
    let collectors: BTreeSet<_> =
        input.results.iter().map(|result| result.source.collector.clone()).collect();
    let named = Provenance::new(vec!["count".into()], collectors.into_iter().collect());
    Some(named).filter(|named| !named.collectors.is_empty()).into_iter().collect()
}

#[test]
fn what_holds_to_the_contract_passes() {
    let constant = Algebra { memory: MemoryBound::Constant, ..Algebra::default() };
    merge(|| by(listed));
    merge(|| By { algebra: Algebra { associative: true, idempotent: true, ..constant }, ..by(first) });
    let make =
        || By { algebra: Algebra { commutative: true, ..constant }, provenance: everybody, ..by(counted) };
    merge(make);
    merge_of(make, &[Value::Int(7)], &[&["count"]]);
}

#[test]
fn each_false_promise_is_found() {
    let promises = |algebra: Algebra| move || By { algebra, ..by(listed) };
    let nothing = Algebra::default();
    violates("a commutative merge gives the same value in every order", || {
        merge(promises(Algebra { commutative: true, ..nothing }));
    });
    violates("a commutative merge gives the same value in every order", || {
        let rounded_on_the_way = |input: &MergeInput<'_>, conflicts: &mut Conflicts| {
            let values = input.results.iter().filter_map(|result| conflicts.decode(result));
            let sum = values.fold(0.0, |sum, value| match value.at(&["n"]) {
                Some(Value::Float(float)) if float.is_finite() => sum + float,
                _ => sum,
            });
            Ok(Merged::Value(Value::Float(sum)))
        };
        merge(|| By { algebra: Algebra { commutative: true, ..nothing }, ..by(rounded_on_the_way) });
    });
    violates("an associative merge gives the same value of its parts", || {
        merge(promises(Algebra { associative: true, ..nothing }));
    });
    violates("an idempotent merge is not changed by a result that comes again", || {
        merge(promises(Algebra { idempotent: true, ..nothing }));
    });
    violates("grows with the number of fields or keys at most", || {
        merge(promises(Algebra { memory: MemoryBound::Fields, ..nothing }));
    });
    violates("a constant value is not larger than the largest payload", || {
        let last_of_each = |input: &MergeInput<'_>, conflicts: &mut Conflicts| {
            let objects = input.results.iter().filter_map(|result| conflicts.decode(result));
            let fields = objects.filter_map(|value| match value {
                Value::Object(fields) => Some(fields),
                _ => None,
            });
            Ok(Merged::Value(Value::Object(fields.flatten().collect())))
        };
        merge(|| By { algebra: Algebra { memory: MemoryBound::Constant, ..nothing }, ..by(last_of_each) });
    });
}

#[test]
fn each_violation_is_named_with_its_input() {
    violates("`called `Option::unwrap()` on a `None` value`, at no results", || {
        merge(|| by(|input, _| Ok(Merged::Payload(input.results.first().unwrap().payload.clone()))));
    });
    violates("it did, with `called `Result::unwrap()` on an `Err` value", || {
        merge(|| {
            by(|input, _| {
                let read = input.results.iter().map(|result| result.payload.decode().unwrap());
                Ok(Merged::Value(read.collect()))
            })
        });
    });
    violates("the same results give the same value: the value was ", || {
        let asked = Arc::new(AtomicUsize::new(0));
        merge(|| {
            let asked = Arc::clone(&asked);
            // As if a clock had gone on meanwhile.
            by(move |_, _| Ok(Merged::Value(Value::Bool(asked.fetch_add(1, Ordering::Relaxed) < 5))))
        });
    });
    violates("a payload that cannot be decoded is a conflict, and not left out in silence", || {
        merge(|| {
            by(|input, _| {
                Ok(Merged::Value(
                    input.results.iter().filter_map(|result| result.payload.decode().ok()).collect(),
                ))
            })
        });
    });
}

fn numbers(input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Vec<i64> {
    let values = input.results.iter().filter_map(|result| conflicts.decode(result));
    values.filter_map(|value| value.at(&["n"])?.as_int()).collect()
}

#[test]
fn what_is_remembered_of_other_sets_is_found() {
    let says = "a merge has no state: the value is ";
    violates(says, || {
        merge(|| {
            let highest = AtomicI64::new(i64::MIN);
            by(move |input, conflicts| {
                let of_these = numbers(input, conflicts).into_iter().max().unwrap_or(i64::MIN);
                let before = highest.fetch_max(of_these, Ordering::Relaxed);
                Ok(Merged::Value(Value::Int(before.max(of_these))))
            })
        });
    });
    violates(says, || {
        merge(|| {
            let last = AtomicI64::new(0);
            by(move |input, conflicts| {
                if let Some(number) = numbers(input, conflicts).first() {
                    last.store(*number, Ordering::Relaxed);
                }
                Ok(Merged::Value(Value::Int(last.load(Ordering::Relaxed))))
            })
        });
    });
}

#[test]
fn conflicts_and_provenance_name_who_sent_something() {
    let stranger = || CollectorId::new("stranger").unwrap();
    violates("conflicts name collectors that sent something: Some(Conflict", || {
        merge(|| {
            by(move |input, conflicts| {
                conflicts.push(Conflict::of_payload(ConflictKind::Disagree, &stranger()));
                Ok(input.list())
            })
        });
    });
    violates("at most two conflicts for a value", || {
        merge(|| {
            by(|input, conflicts| {
                for result in input.results.iter().cycle().take(input.results.len() * 1_000) {
                    conflicts.push(Conflict::of_payload(ConflictKind::Disagree, &result.source.collector));
                }
                Ok(input.list())
            })
        });
    });
    let gives = |provenance: fn(&MergeInput<'_>) -> Vec<Provenance>| move || By { provenance, ..by(listed) };
    violates("provenance names collectors that sent something", || {
        merge(gives(|_| vec![Provenance::new(Vec::new(), vec![CollectorId::new("stranger").unwrap()])]));
    });
    violates("sorted, and each named once", || {
        merge(gives(|input| {
            let collectors = input.results.iter().map(|result| result.source.collector.clone()).collect();
            vec![Provenance::new(Vec::new(), collectors)]
        }));
    });
    violates("provenance names a field once", || {
        merge(gives(|input| everybody(input).into_iter().chain(everybody(input)).collect()));
    });
}

#[test]
fn what_is_followed_is_what_is_merged() {
    let makes = Cell::new(0);
    violates("of 3 results it is 2 and not 3 at [\"count\"]", || {
        merge_of(
            || {
                makes.set(makes.get() + 1);
                By { running: || Box::new(Miscount(Count(0))), ..by(counted) }
            },
            &[],
            &[&["count"]],
        );
    });
    violates("is followed: there is only a count", || merge_of(|| by(counted), &[], &[&["n"]]));
}
