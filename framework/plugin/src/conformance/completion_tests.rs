use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::ConflictKind;
use crate::conformance::testing::violates;

type Decide = Box<dyn Fn(&SetView<'_>) -> Decision + Send + Sync>;

/// A policy that decides by this, and says this of itself.
struct By {
    decide: Decide,
    admit: fn(&SetView<'_>) -> Admission,
    expects: fn(&Roster<'_>) -> Vec<CollectorId>,
    dissent: fn(&[Contribution]) -> Vec<Conflict>,
    needs_results: Option<(usize, &'static str)>,
    needs_bytes: Option<(usize, &'static str)>,
    opens_next: bool,
    reads: Vec<Vec<String>>,
}

/// One that promises nothing.
fn by(decide: impl Fn(&SetView<'_>) -> Decision + Send + Sync + 'static) -> By {
    By {
        decide: Box::new(decide),
        admit: |_| Admission::Enters,
        expects: |_| Vec::new(),
        dissent: |_| Vec::new(),
        needs_results: None,
        needs_bytes: None,
        opens_next: false,
        reads: Vec::new(),
    }
}

impl CompletionPolicy for By {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        (self.decide)(set)
    }

    fn admit(&self, set: &SetView<'_>, _: &Contribution) -> Admission {
        (self.admit)(set)
    }

    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        (self.expects)(roster)
    }

    fn opens_next(&self) -> bool {
        self.opens_next
    }

    fn reads_value(&self) -> &[Vec<String>] {
        &self.reads
    }

    fn dissent(&self, results: &[Contribution], _: &[MissingCollector]) -> Vec<Conflict> {
        (self.dissent)(results)
    }

    fn needs_results(&self) -> Option<(usize, &'static str)> {
        self.needs_results
    }

    fn needs_bytes(&self) -> Option<(usize, &'static str)> {
        self.needs_bytes
    }
}

fn complete_if(holds: bool) -> Decision {
    if holds { Decision::Complete } else { Decision::Pending }
}

fn pending() -> By {
    by(|_| Decision::Pending)
}

fn of_three() -> By {
    By { needs_results: Some((3, "count")), ..by(|set| complete_if(set.results.len() >= 3)) }
}

/// One number for all instances, as a static would be.
fn next_number() -> usize {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn what_holds_to_the_contract_passes() {
    completion(of_three);
    let before = || By {
        admit: |set| if set.bytes > 100 { Admission::OpensNext } else { Admission::Enters },
        opens_next: true,
        needs_bytes: Some((100, "bytes")),
        ..pending()
    };
    completion(before);
    let reads = || By {
        reads: vec![vec!["n".to_owned()], vec!["o".to_owned(), "m".to_owned()]],
        dissent: |results| {
            results
                .iter()
                .map(|result| Conflict::of_payload(ConflictKind::Disagree, &result.source.collector))
                .collect()
        },
        expects: |roster| roster.collectors.iter().map(|entry| entry.id.clone()).collect(),
        ..by(|set| complete_if(set.value.is_some_and(|value| value.at(&["n"]).is_some())))
    };
    completion(reads);
}

#[test]
fn a_policy_is_asked_about_payloads_of_its_kind() {
    let done =
        |result: &Contribution| result.payload.decode().is_ok_and(|value| value == Value::from("done"));
    let policy = move || by(move |set| complete_if(set.results.iter().any(done)));
    let promises = move || By { needs_results: Some((9, "k")), ..policy() };
    completion(promises);
    violates("`k` needs 9 results, and a set of", || completion_of(promises, &["done".into()]));
}

#[test]
fn each_violation_is_named_with_its_input() {
    let check = |make: fn() -> By, saying: &str| violates(saying, || completion(make));
    check(
        || by(|set| complete_if(set.results[0].last)),
        "it did, with `index out of bounds: the len is 0 but the index is 0`, at seed",
    );
    check(|| by(|_| complete_if(next_number().is_multiple_of(2))), "has no state and no chance");
    check(
        || {
            let seen = AtomicUsize::new(0);
            by(move |set| complete_if(seen.fetch_add(set.results.len(), Ordering::Relaxed) > 9))
        },
        "has no state and no chance",
    );
    check(
        || By {
            admit: |_| if next_number().is_multiple_of(2) { Admission::Enters } else { Admission::Undecided },
            ..pending()
        },
        "has no state and no chance",
    );
    check(
        || By { expects: |_| vec![collector("p1"); next_number() % 2], ..pending() },
        "has no state and no chance",
    );
    check(
        || By { needs_results: Some((4, "count")), ..of_three() },
        "needs 4 results, and a set of 3 is complete",
    );
    check(|| By { needs_bytes: Some((usize::MAX, "bytes")), ..of_three() }, "bytes, and a set of");
    check(|| By { admit: |_| Admission::OpensNext, ..pending() }, "says so in `opens_next`");
    check(
        || By {
            admit: |_| Admission::OpensNext,
            opens_next: true,
            needs_results: Some((2, "k")),
            ..pending()
        },
        "needs 2 results, and a set of 1",
    );
    check(|| by(|set| complete_if(set.value.is_some())), "says so in `reads_value`");
    check(
        || By {
            dissent: |_| vec![Conflict::of_payload(ConflictKind::Disagree, &collector("px"))],
            ..pending()
        },
        "conflicts name collectors that sent something",
    );
}

#[test]
fn promises_are_for_ever() {
    struct Fickle(AtomicUsize);

    impl CompletionPolicy for Fickle {
        fn decide(&self, _: &SetView<'_>) -> Decision {
            Decision::Pending
        }

        fn awaits_last(&self) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed) == 0
        }
    }

    violates("the same answers at any time", || completion(|| Fickle(AtomicUsize::new(0))));
}
