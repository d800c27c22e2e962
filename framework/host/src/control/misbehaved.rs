//! Policies that panic, answer nonsense or take too long. The engine replaces their answers and counts; here it is told,
//! but not at every turn.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use stook_engine::{CounterSnapshot, MergeFailures};
use stook_plugin::PluginKind;
use stook_types::MonoTime;
use tokio::time::Duration;

use super::Control;
use crate::event::{Event, clipped};
use crate::timed::{SlowCalls, TOO_LONG};

/// What was told last of each policy, by its kind and name.
#[derive(Default)]
pub(super) struct Complaints(BTreeMap<(Fault, PluginKind, &'static str), Told>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Nonsense,
    Slow,
    /// It has a right to, and somebody should know.
    Failed,
}

struct Told {
    count: u64,
    at: MonoTime,
}

/// It is told again after this time, or when it has happened twice as often.
const AGAIN: Duration = Duration::from_secs(60);

impl Complaints {
    /// Whether it is to be told now that something has happened so often.
    fn is_due(&mut self, now: MonoTime, what: (Fault, PluginKind, &'static str), count: u64) -> bool {
        let new = Told { count, at: now };
        match self.0.entry(what) {
            Entry::Vacant(entry) => _ = entry.insert(new),
            Entry::Occupied(mut entry) => {
                let told = entry.get();
                let much = count >= told.count.saturating_mul(2) || now.since(told.at) >= AGAIN;
                if count == told.count || !much {
                    return false;
                }
                entry.insert(new);
            }
        }
        true
    }
}

impl Control {
    /// How often each policy has panicked or made no sense, by its kind and name.
    pub(super) fn misbehaved(&self) -> BTreeMap<(PluginKind, &'static str), u64> {
        self.misbehaved_beside(self.hub.aggregator.counters().misbehaved)
    }

    fn misbehaved_beside(
        &self,
        mut all: BTreeMap<(PluginKind, &'static str), u64>,
    ) -> BTreeMap<(PluginKind, &'static str), u64> {
        for (kind, by_name) in [
            (PluginKind::Scoring, self.router.balancer().misbehaved()),
            (PluginKind::Detection, self.health.misbehaved()),
            (PluginKind::Restart, self.restarts.misbehaved()),
        ] {
            all.extend(by_name.iter().map(|(name, count)| ((kind, *name), *count)));
        }
        all
    }

    /// Tells of policies that have misbehaved since.
    pub(super) fn complain(&mut self, now: MonoTime) {
        let mut events = Vec::new();
        let CounterSnapshot { misbehaved, merge_failures, .. } = self.hub.aggregator.counters();
        for ((kind, plugin), count) in self.misbehaved_beside(misbehaved) {
            if self.complaints.is_due(now, (Fault::Nonsense, kind, plugin), count) {
                let what = format!("has panicked or made no sense {}", times(count));
                events.push(Event::PluginMisbehaved { plugin, kind: kind.as_str(), what });
            }
        }
        for ((kind, plugin), MergeFailures { count, last, .. }) in merge_failures {
            if self.complaints.is_due(now, (Fault::Failed, kind, plugin), count) {
                let what = clipped(format!("has failed {}, at last because {last}", times(count)));
                events.push(Event::PluginMisbehaved { plugin, kind: kind.as_str(), what });
            }
        }
        if self.hub.slow.any() {
            for ((kind, plugin), SlowCalls { count, longest }) in self.hub.slow.look() {
                if self.complaints.is_due(now, (Fault::Slow, kind, plugin), count) {
                    let (limit, longest) = (TOO_LONG.as_millis(), longest.as_millis());
                    let what = format!(
                        "has taken {limit} ms or more {}, at most {longest} ms, and held up {}",
                        times(count),
                        held_up(kind)
                    );
                    events.push(Event::PluginMisbehaved { plugin, kind: kind.as_str(), what });
                }
            }
        }
        events.iter().for_each(|event| self.tell(event));
    }
}

/// Who waits for a slow policy of this kind.
const fn held_up(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Scoring | PluginKind::Detection | PluginKind::Restart => "all others",
        _ => "those whose results it was given",
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_as_it_doubles_or_by_the_minute() {
        let mut complaints = Complaints::default();
        let mut told = Vec::new();
        // 2 a second, for two minutes and a half.
        for tick in 1..=300_u64 {
            let now = MonoTime::at(Duration::from_millis(500 * tick));
            if complaints.is_due(now, (Fault::Nonsense, PluginKind::Scoring, "bad"), tick) {
                told.push(tick);
            }
        }
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, 248]);
        let late = MonoTime::at(Duration::from_secs(1_000));
        let mut is_due =
            |fault, name, count| complaints.is_due(late, (fault, PluginKind::Scoring, name), count);
        assert!(is_due(Fault::Nonsense, "bad", 300), "what happened in the last minute is not forgotten");
        assert!(!is_due(Fault::Nonsense, "bad", 300), "nothing has happened since");
        assert!(is_due(Fault::Slow, "bad", 1) && is_due(Fault::Nonsense, "other", 1));
    }
}
