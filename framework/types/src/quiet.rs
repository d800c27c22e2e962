//! Log lines that others can cause, held within bounds: a few of each cause, and then how many more there were.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::MonoTime;

/// Counts lines by cause. Causes are of a bounded set: nothing in one is chosen by who causes it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Quiet<C> {
    lines: u32,
    window: Duration,
    causes: BTreeMap<C, Window>,
    /// The earliest end of a window of which lines were left out.
    due: Option<MonoTime>,
}

#[derive(Debug)]
struct Window {
    ends: MonoTime,
    lines: u32,
    left_out: u64,
}

impl<C: Ord> Quiet<C> {
    /// So many lines of each cause are written within a window, which begins with the first of them.
    pub const fn new(lines: u32, window: Duration) -> Self {
        Self { lines, window, causes: BTreeMap::new(), due: None }
    }

    /// Whether a line is to be written. If not, it is counted.
    pub fn admits(&mut self, now: MonoTime, cause: C) -> bool {
        let new = || Window { ends: now + self.window, lines: 0, left_out: 0 };
        let window = self.causes.entry(cause).or_insert_with(new);
        if window.left_out == 0 && window.ends <= now {
            *window = new();
        }
        if window.lines < self.lines {
            window.lines += 1;
            return true;
        }
        window.left_out += 1;
        self.due = Some(self.due.map_or(window.ends, |due| due.min(window.ends)));
        false
    }

    /// When there is something to [`take_ended`](Self::take_ended).
    pub fn next(&self) -> Option<MonoTime> {
        self.due
    }

    /// The causes of which lines were left out in a window that has ended, and how many. Forgets all whose window has.
    pub fn take_ended(&mut self, now: MonoTime) -> Vec<(C, u64)> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let (ended, goes_on) = std::mem::take(&mut self.causes)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, window)| window.ends <= now);
        self.causes = goes_on;
        self.due = self.causes.values().filter(|window| window.left_out > 0).map(|window| window.ends).min();
        let left_out = ended.into_iter().map(|(cause, window)| (cause, window.left_out));
        left_out.filter(|(_, left_out)| *left_out > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: u32 = 3;

    fn quiet() -> Quiet<&'static str> {
        Quiet::new(LINES, Duration::from_secs(60))
    }

    fn at(seconds: u64) -> MonoTime {
        MonoTime::at(Duration::from_secs(seconds))
    }

    #[test]
    fn a_flood_is_a_few_lines_and_a_number() {
        let mut quiet = quiet();
        let written = (0..10_000).filter(|_| quiet.admits(at(1), "flood")).count();
        assert_eq!((written, quiet.next()), (LINES as usize, Some(at(61))));
        assert!(quiet.take_ended(at(60)).is_empty(), "its window goes on");
        assert_eq!(quiet.take_ended(at(61)), [("flood", 10_000 - u64::from(LINES))]);
        assert_eq!(quiet.next(), None);
        assert!(quiet.admits(at(61), "flood"), "another window has begun");
    }

    #[test]
    fn one_cause_does_not_silence_another() {
        let mut quiet = quiet();
        while quiet.admits(at(1), "flood") {}
        assert!(quiet.admits(at(2), "other"));
        assert_eq!(quiet.take_ended(at(90)), [("flood", 1)]);
        assert!(quiet.causes.is_empty(), "what is over is forgotten");
    }

    #[test]
    fn what_comes_now_and_then_is_always_written() {
        let mut quiet = quiet();
        assert!((0..1_000).all(|minute| quiet.admits(at(minute * 30), "rare")));
        assert_eq!(quiet.next(), None);
    }
}
