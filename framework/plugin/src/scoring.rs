//! The contract of scoring: which collector gets a task.

use stook_types::MonoTime;

use crate::Draw;

/// Says what it would cost to give a task to a collector. The lowest cost gets it.
///
/// # Contract
///
/// * **Who calls, when.** The engine's `LoadBalancer`, once for each task that goes out, with the candidates that can
///   take it now: they have the capability and a free slot, are not ejected, and have not failed this task before.
///   There is at least one. Work for which there is none waits in the host's queue, so that a policy decides
///   *where*, never *whether*.
/// * **Where.** On the one task that dispatches, so that calls never overlap. A decision among 64 candidates shall take
///   less than a microsecond: do not block, do no I/O, allocate nothing per call.
/// * **State.** [`cost`](Self::cost) has none. [`choose`](Self::choose) may; one instance serves all pools for
///   which config selects it.
/// * **What counts.** The host's own counts ([`Candidate::in_flight`]) are exact. What a collector says of itself
///   ([`Candidate::hints`]) is old by up to a heartbeat and may be wrong: prefer the former.
/// * **Nonsense.** A cost of `NaN` counts as the worst there is. A choice that is no candidate, or a panic, is counted,
///   named in the log, and replaced by the engine's own rule (the fewest in flight).
///
/// # The wrong way
///
/// Scoring by `hints` alone: between two heartbeats every task goes to whoever looked idle in the last one, and its
/// queue is long before the next one says so. Counting a newcomer's missing latency as zero does the same; see
/// [`Pool::median_latency`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no scoring policy",
    note = "`register!(scoring: …)` takes a type that implements `ScoringPolicy`"
)]
pub trait ScoringPolicy: Send + 'static {
    /// The cost of giving the next task to this candidate. Lower is better; any unit, also negative.
    fn cost(&self, candidate: &Candidate, pool: &Pool<'_>) -> f64;

    /// The place in `pool.candidates` of the one that gets the next task. The default takes the lowest
    /// [`cost`](Self::cost), and one at random of several with the same. Override it where a rule is no cost, like
    /// that of two random choices.
    fn choose(&mut self, pool: &Pool<'_>, draw: &mut Draw) -> usize {
        lowest(pool, draw, |candidate| self.cost(candidate, pool))
    }
}

/// A collector that can take a task now, as the host sees it. Deliberately without its name: a policy weighs what is true of
/// a candidate, and its place in [`Pool::candidates`] is not the same in the next decision. Who wants a certain collector
/// names it in the task's `fan_out`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Tasks of this capability that it has now; below [`concurrency`](Self::concurrency).
    pub in_flight: u32,
    /// Tasks of all capabilities that it has now.
    pub busy: u32,
    /// How many tasks of this capability it runs at once.
    pub concurrency: u32,
    /// Moving average of the time from assignment to success, in microseconds (α = 0.3; the first sample is the
    /// first average). `None` until it has finished one.
    pub latency: Option<f64>,
    /// The last such time in microseconds, or an earlier and greater one; see [`peak_at`](Self::peak_at).
    pub peak: f64,
    /// When [`peak`](Self::peak) was measured.
    pub peak_at: MonoTime,
    /// Share of its tasks that succeed, from 0 to 1; older ones count for less. 1 before the first has ended.
    pub success_rate: f64,
    /// When it was last given a task, as a count of all tasks that were given; 0 for never.
    pub last_given: u64,
    /// What it says of itself.
    pub hints: LoadHints,
}

/// What a collector says of itself in its heartbeats, clamped to what can be. Hints: old, and not proven.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LoadHints {
    /// Share of one core since its last heartbeat, 1.0 is one core; `None` where its platform does not tell.
    pub cpu: Option<f64>,
    /// Resident memory in bytes; `None` where its platform does not tell.
    pub memory_bytes: Option<u64>,
    /// Results that it has recorded and that are not settled.
    pub queue_depth: u32,
}

/// Those among whom one is chosen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Pool<'a> {
    /// Who can take the task now. At least one, in no order that means anything.
    pub candidates: &'a [Candidate],
    /// The time of the decision.
    pub now: MonoTime,
    /// The median of the latencies of all collectors that have this capability, in microseconds: what to expect of
    /// one that has finished nothing yet. `None` until one of them has.
    pub median_latency: Option<f64>,
}

/// The place of the candidate with the lowest cost, one at random of several; `NaN` counts as the worst.
pub fn lowest(pool: &Pool<'_>, draw: &mut Draw, cost: impl Fn(&Candidate) -> f64) -> usize {
    let (mut best, mut least, mut ties) = (0, f64::NAN, 0_usize);
    for (place, candidate) in pool.candidates.iter().enumerate() {
        let cost = cost(candidate);
        // With `NaN` on either side neither is less, and only a number beats it.
        if cost < least || (least.is_nan() && !cost.is_nan()) {
            (best, least, ties) = (place, cost, 1);
        } else if cost == least || (least.is_nan() && cost.is_nan()) {
            // One of k equal ones, each with the chance of 1/k, in one pass (reservoir sampling).
            ties += 1;
            if draw.below(ties) == 0 {
                best = place;
            }
        }
    }
    best
}

// === impl Candidate ===

impl Candidate {
    /// One that is idle and has no history, with so many slots.
    pub const fn new(concurrency: u32) -> Self {
        Self {
            in_flight: 0,
            busy: 0,
            concurrency,
            latency: None,
            peak: 0.0,
            peak_at: MonoTime::ZERO,
            success_rate: 1.0,
            last_given: 0,
            hints: LoadHints { cpu: None, memory_bytes: None, queue_depth: 0 },
        }
    }
}

// === impl LoadHints ===

impl LoadHints {
    /// What was said, clamped: a processor share to 0 and up to 1,024 cores, everything else as it is.
    pub fn clamped(cpu: Option<f64>, memory_bytes: Option<u64>, queue_depth: u32) -> Self {
        let cpu = cpu.filter(|cpu| !cpu.is_nan()).map(|cpu| cpu.clamp(0.0, 1_024.0));
        Self { cpu, memory_bytes, queue_depth }
    }
}

// === impl Pool ===

impl<'a> Pool<'a> {
    /// A pool of these candidates.
    pub const fn new(candidates: &'a [Candidate], now: MonoTime, median_latency: Option<f64>) -> Self {
        Self { candidates, now, median_latency }
    }

    /// The latency to expect of a candidate, in microseconds: its own, else the pool's median, else 1 ms.
    pub fn expected_latency(&self, candidate: &Candidate) -> f64 {
        candidate.latency.or(self.median_latency).unwrap_or(1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_wins_ties_are_random_and_nan_is_the_worst() {
        let candidates: Vec<_> = (1..=4).map(Candidate::new).collect();
        let pool = Pool::new(&candidates, MonoTime::ZERO, None);
        let mut draw = Draw::new(3);
        let mut by = |costs: [f64; 4]| lowest(&pool, &mut draw, |c| costs[c.concurrency as usize - 1]);
        assert_eq!(by([2.0, 1.0, -1.0, f64::INFINITY]), 2);
        assert_eq!(by([f64::NAN, f64::INFINITY, f64::NAN, f64::NAN]), 1);
        let mut counts = [0; 4];
        for _ in 0..4_000 {
            counts[by([1.0, 0.0, 0.0, 0.0])] += 1;
        }
        assert!(
            counts[0] == 0 && counts[1..].iter().all(|count| (1_150..1_550).contains(count)),
            "{counts:?}"
        );
        let mut counts = [0; 4];
        for _ in 0..4_000 {
            counts[by([f64::NAN; 4])] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn hints_are_clamped() {
        assert_eq!(LoadHints::clamped(Some(-1.0), None, 3).cpu, Some(0.0));
        assert_eq!(LoadHints::clamped(Some(f64::INFINITY), None, 3).cpu, Some(1_024.0));
        assert_eq!(LoadHints::clamped(Some(f64::NAN), None, 3).cpu, None);
    }
}
