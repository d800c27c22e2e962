//! Open sets in the order of a time of each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use stook_types::MonoTime;

use crate::set::Set;

/// A set at a time. `number` tells apart the generations of a set and breaks ties by age.
pub(crate) struct Entry {
    pub(crate) at: MonoTime,
    pub(crate) number: u64,
    pub(crate) set: Arc<Set>,
}

/// Sets by time, and by number where that is the same.
///
/// Most are opened in order and closed before anybody asks for them: those stand in a row, where each is found by its
/// number. What does not come in order, is put back, or would hold up a row that has become mostly empty, is in a tree.
#[derive(Default)]
pub(crate) struct Timeline {
    /// Those from number `start` on, and gaps; neither begins nor ends with a gap.
    row: VecDeque<Option<(MonoTime, Arc<Set>)>>,
    start: u64,
    /// How many of the row are no gaps.
    standing: usize,
    tree: BTreeMap<(MonoTime, u64), Arc<Set>>,
}

impl Timeline {
    pub(crate) fn insert(&mut self, Entry { at, number, set }: Entry) {
        match self.row.back() {
            None => self.start = number,
            Some(Some((last, _))) if *last <= at && number >= self.end() => {
                let gap = number - self.end();
                self.row.extend((0..gap).map(|_| None));
            }
            Some(_) => {
                self.tree.insert((at, number), set);
                return;
            }
        }
        self.row.push_back(Some((at, set)));
        self.standing += 1;
        self.settle();
    }

    /// Takes out the set of this number, which is there at this time if it is there.
    pub(crate) fn remove(&mut self, at: MonoTime, number: u64) {
        let place = number.checked_sub(self.start).and_then(|place| usize::try_from(place).ok());
        if place.and_then(|place| self.row.get_mut(place)).and_then(Option::take).is_some() {
            self.standing -= 1;
            self.settle();
        } else {
            self.tree.remove(&(at, number));
        }
    }

    /// The time of the first.
    pub(crate) fn first(&self) -> Option<MonoTime> {
        let tree = self.tree.first_key_value().map(|((at, _), _)| *at);
        self.first_of_row().map(|(at, _)| at).into_iter().chain(tree).min()
    }

    pub(crate) fn peek_first(&self) -> Option<Arc<Set>> {
        let of_tree = self.tree.first_key_value();
        match (self.first_of_row(), of_tree) {
            (Some(row), of_tree) if of_tree.is_none_or(|(tree, _)| row < *tree) => {
                self.row.front()?.as_ref().map(|(_, set)| set.clone())
            }
            _ => of_tree.map(|(_, set)| set.clone()),
        }
    }

    pub(crate) fn pop_first(&mut self) -> Option<Entry> {
        let of_tree = self.tree.first_key_value().map(|(key, _)| *key);
        match (self.first_of_row(), of_tree) {
            (Some((at, number)), of_tree) if of_tree.is_none_or(|of_tree| (at, number) < of_tree) => {
                let (at, set) = self.row.front_mut()?.take()?;
                self.standing -= 1;
                self.settle();
                Some(Entry { at, number, set })
            }
            _ => self.tree.pop_first().map(|((at, number), set)| Entry { at, number, set }),
        }
    }

    /// Gives memory back that is not used at present.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.row.shrink_to_fit();
    }

    fn first_of_row(&self) -> Option<(MonoTime, u64)> {
        self.row.front()?.as_ref().map(|(at, _)| (*at, self.start))
    }

    /// The number after the last of the row.
    fn end(&self) -> u64 {
        self.start + self.row.len() as u64
    }

    /// Keeps gaps from the ends of the row, and the row from being mostly gaps: then its first moves to the tree. Each
    /// place is left once, so that this is short on average.
    fn settle(&mut self) {
        const SLACK: usize = 64;
        while self.row.pop_back_if(|last| last.is_none()).is_some() {}
        while self.row.len() > 2 * self.standing + SLACK || matches!(self.row.front(), Some(None)) {
            if let Some(Some((at, set))) = self.row.pop_front() {
                self.tree.insert((at, self.start), set);
                self.standing -= 1;
            }
            self.start += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::few::Few;
    use crate::memory::Budget;
    use crate::set::OpenSet;
    use stook_types::CorrelationId;

    fn entry(at: u64, number: u64) -> Entry {
        let held = Budget::new(0).hold_anyway(0);
        let open = OpenSet::new(number, 1, MonoTime::ZERO, Few::default(), held);
        let set = Set::new(CorrelationId::new(&number.to_string()).unwrap().into(), open);
        Entry { at: MonoTime::at(Duration::from_nanos(at)), number, set }
    }

    fn size(timeline: &Timeline) -> usize {
        timeline.row.len() + timeline.tree.len()
    }

    #[test]
    fn agrees_with_a_sorted_map_in_any_order() {
        let mut timeline = Timeline::default();
        let mut model = BTreeMap::new();
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for number in 0..20_000 {
            // Mostly in order, some late, some a little before or after their number.
            let at = number / 3 + if draw(10) == 0 { draw(500) } else { 200 };
            let number = number ^ u64::from(draw(4) == 0);
            if model.values().all(|known| *known != number) {
                let entry = entry(at, number);
                model.insert((entry.at, number), number);
                timeline.insert(entry);
            }
            // As many come as go, and for a while none.
            for _ in 0..if number % 8_000 < 4_000 { draw(3) } else { 0 } {
                if draw(2) == 0 {
                    let popped = timeline.pop_first();
                    let entry = popped.map(|entry| ((entry.at, entry.number), entry.set.key.to_string()));
                    assert_eq!(entry, model.pop_first().map(|(key, number)| (key, number.to_string())));
                } else if let Some((key, _)) = model.iter().nth(draw(model.len().max(1) as u64) as usize) {
                    let (at, number) = *key;
                    timeline.remove(at, number);
                    timeline.remove(at, number);
                    model.remove(&(at, number));
                }
            }
            assert_eq!(timeline.first(), model.first_key_value().map(|((at, _), _)| *at));
            assert!(size(&timeline) <= 2 * model.len() + 64, "{} for {}", size(&timeline), model.len());
        }
        assert!(
            std::iter::from_fn(|| timeline.pop_first()).map(|entry| entry.number).eq(model.into_values())
        );
        assert_eq!(size(&timeline), 0);
    }

    #[test]
    fn one_that_stays_does_not_hold_up_those_that_go() {
        let mut timeline = Timeline::default();
        for number in 0..100_000 {
            timeline.insert(entry(number, number));
            if number % 1_000 != 0 {
                timeline.remove(MonoTime::at(Duration::from_nanos(number)), number);
            }
            assert!(size(&timeline) <= 300, "{}", size(&timeline));
        }
        assert!(
            std::iter::from_fn(|| timeline.pop_first())
                .map(|entry| entry.number)
                .eq((0..100).map(|n| n * 1_000))
        );
    }
}
