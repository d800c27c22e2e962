//! Pools in a line, for the tests of scoring.

use std::time::Duration;

use stook_plugin::{Candidate, Draw, Pool, ScoringPolicy};
use stook_types::MonoTime;

/// One with so many in flight, and this average latency in microseconds.
pub(super) fn candidate(in_flight: u32, latency: Option<f64>) -> Candidate {
    let mut candidate = Candidate::new(1_000);
    candidate.in_flight = in_flight;
    candidate.busy = in_flight;
    candidate.latency = latency;
    candidate.peak = latency.unwrap_or(0.0);
    candidate
}

/// Those with so many in flight, all as fast.
pub(super) fn busy(in_flight: &[u32]) -> Vec<Candidate> {
    in_flight.iter().map(|in_flight| candidate(*in_flight, Some(1_000.0))).collect()
}

/// The pool of these, a minute into the host's life, with a median latency of 1 ms.
pub(super) fn pool(candidates: &[Candidate]) -> Pool<'_> {
    Pool::new(candidates, MonoTime::at(Duration::from_secs(60)), Some(1_000.0))
}

/// How many of 1,000 tasks each of these gets, if nothing changes meanwhile.
pub(super) fn shares(policy: &mut impl ScoringPolicy, candidates: &[Candidate]) -> Vec<u32> {
    let mut draw = Draw::new(1);
    let mut shares = vec![0; candidates.len()];
    for _ in 0..1_000 {
        shares[policy.choose(&pool(candidates), &mut draw)] += 1;
    }
    shares
}

/// Which of these get a task at all.
pub(super) fn chosen(policy: &mut impl ScoringPolicy, candidates: &[Candidate]) -> Vec<usize> {
    let shares = shares(policy, candidates);
    (0..shares.len()).filter(|place| shares[*place] > 0).collect()
}
