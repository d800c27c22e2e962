//! Everybody who runs tasks of one capability, kept so that a decision needs no list to be built: those who can take
//! a task now stand together at the front.

use std::collections::HashMap;

use stook_plugin::{Candidate, Pool as View};
use stook_types::{Capability, MonoTime};

use super::SeatId;

pub(super) struct Pool {
    pub(super) capability: Capability,
    /// Who can take a task now, then the others.
    candidates: Vec<Candidate>,
    /// Whose candidate stands at the same place.
    seats: Vec<SeatId>,
    places: HashMap<SeatId, usize>,
    /// How many of them can take a task now.
    available: usize,
    median: Option<f64>,
    /// Latencies that changed since the median was computed.
    stale: usize,
    /// Collectors that declare it, here or away, and parts of tasks that are of it. Nobody's is forgotten.
    pub(super) uses: usize,
}

/// The median is computed again after so many latencies: it is a prior, and need not be the latest.
const STALE: usize = 32;

impl Pool {
    pub(super) fn new(capability: Capability) -> Self {
        Self {
            capability,
            candidates: Vec::new(),
            seats: Vec::new(),
            places: HashMap::new(),
            available: 0,
            median: None,
            stale: 0,
            uses: 0,
        }
    }

    /// Adds somebody who cannot take a task yet.
    pub(super) fn add(&mut self, seat: SeatId, candidate: Candidate) {
        self.places.insert(seat, self.candidates.len());
        self.candidates.push(candidate);
        self.seats.push(seat);
        self.update_median();
    }

    pub(super) fn remove(&mut self, seat: SeatId) {
        self.set_available(seat, false);
        let Some(place) = self.places.get(&seat).copied() else { return };
        let last = self.candidates.len() - 1;
        self.swap(place, last);
        self.places.remove(&seat);
        self.candidates.pop();
        self.seats.pop();
        self.update_median();
    }

    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Who can take a task now.
    pub(super) fn view(&self, now: MonoTime) -> View<'_> {
        View::new(&self.candidates[..self.available], now, self.median)
    }

    /// The seats of the view's candidates.
    pub(super) fn seats(&self) -> &[SeatId] {
        &self.seats[..self.available]
    }

    pub(super) fn is_available(&self, seat: SeatId) -> bool {
        self.places.get(&seat).is_some_and(|place| *place < self.available)
    }

    /// Everybody's.
    pub(super) fn all_seats(&self) -> &[SeatId] {
        &self.seats
    }

    pub(super) fn get(&self, seat: SeatId) -> Option<&Candidate> {
        self.places.get(&seat).map(|place| &self.candidates[*place])
    }

    pub(super) fn get_mut(&mut self, seat: SeatId) -> Option<&mut Candidate> {
        self.places.get(&seat).map(|place| &mut self.candidates[*place])
    }

    /// A latency has changed.
    pub(super) fn latency_changed(&mut self) {
        self.stale += 1;
        if self.median.is_none() || self.stale >= STALE {
            self.update_median();
        }
    }

    /// Moves somebody over the border between those who can and the others. True if it can and could not before.
    pub(super) fn set_available(&mut self, seat: SeatId, can: bool) -> bool {
        let Some(place) = self.places.get(&seat).copied() else { return false };
        let could = place < self.available;
        match (could, can) {
            (true, false) => {
                self.available -= 1;
                self.swap(place, self.available);
            }
            (false, true) => {
                self.swap(place, self.available);
                self.available += 1;
            }
            _ => {}
        }
        can && !could
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.candidates.swap(a, b);
        self.seats.swap(a, b);
        self.places.insert(self.seats[a], a);
        self.places.insert(self.seats[b], b);
    }

    fn update_median(&mut self) {
        let mut latencies: Vec<f64> =
            self.candidates.iter().filter_map(|candidate| candidate.latency).collect();
        let middle = latencies.len() / 2;
        self.median =
            (!latencies.is_empty()).then(|| *latencies.select_nth_unstable_by(middle, f64::total_cmp).1);
        self.stale = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_is_kept_whoever_comes_and_goes() {
        let mut pool = Pool::new(Capability::new("a").unwrap());
        for seat in 0..6 {
            pool.add(SeatId(seat), Candidate::new(seat as u32 + 1));
        }
        assert!(pool.seats().is_empty());
        for seat in [1, 3, 5] {
            pool.set_available(SeatId(seat), true);
        }
        pool.remove(SeatId(3));
        pool.remove(SeatId(0));
        pool.remove(SeatId(9));
        pool.set_available(SeatId(2), true);
        pool.set_available(SeatId(2), true);
        pool.set_available(SeatId(1), false);
        let mut there: Vec<_> = pool.seats().iter().map(|seat| seat.0).collect();
        there.sort_unstable();
        assert_eq!(there, [2, 5]);
        let view = pool.view(MonoTime::ZERO);
        for (seat, candidate) in pool.seats().iter().zip(view.candidates) {
            assert_eq!(u64::from(candidate.concurrency), seat.0 + 1, "who stands where");
        }
        assert_eq!((pool.len(), pool.get(SeatId(4)).map(|c| c.concurrency)), (4, Some(5)));
    }

    #[test]
    fn the_median_is_of_those_who_have_a_latency() {
        let mut pool = Pool::new(Capability::new("a").unwrap());
        for seat in 0..4 {
            pool.add(SeatId(seat), Candidate::new(1));
        }
        assert_eq!(pool.view(MonoTime::ZERO).median_latency, None);
        for (seat, latency) in [(0, 5.0), (1, 100.0), (2, 7.0)] {
            pool.get_mut(SeatId(seat)).unwrap().latency = Some(latency);
        }
        pool.latency_changed();
        assert_eq!(pool.view(MonoTime::ZERO).median_latency, Some(7.0));
    }
}
