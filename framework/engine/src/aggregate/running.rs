//! The merged value of an open set, as far as completion policies read it.

use stook_plugin::{MergeStrategy, RunningMerge};
use stook_types::Value;

use super::Aggregate;
use crate::counters::Counters;
use crate::guard::guarded;
use crate::memory::Held;
use crate::set::OpenSet;
use crate::spec::AggregateSpec;

/// What follows the value of one set. Boxed there: few sets have one, and all pay for its size.
pub(crate) struct Running {
    /// Gone once it has panicked: what it holds then is not the value.
    merge: Option<Box<dyn RunningMerge>>,
    /// Bytes of memory that its set holds for it.
    charged: usize,
}

/// Which fields the policies of an aggregate read, each once.
pub(super) fn reads(spec: &AggregateSpec, counters: &Counters) -> Vec<Vec<String>> {
    let paths = spec
        .completion
        .iter()
        .filter_map(|named| counters.guard(named.plugin(), || named.policy.reads_value().to_vec()));
    let mut paths: Vec<_> = paths.flatten().collect();
    paths.sort();
    paths.dedup();
    paths
}

impl Drop for Running {
    fn drop(&mut self) {
        // A plugin's too, and a set is being released.
        guarded(|| drop(self.merge.take()));
    }
}

impl Running {
    /// Calls the merge, for the last time if that panics.
    fn call<T>(&mut self, of: &Aggregate, call: impl FnOnce(&mut dyn RunningMerge) -> T) -> Option<T> {
        let merge = self.merge.as_deref_mut()?;
        let answer = of.counters.guard(of.spec.merge_plugin(), || call(merge));
        if answer.is_none() {
            *self = Self { merge: None, charged: self.charged };
        }
        answer
    }
}

impl Aggregate {
    /// What a result may cost in memory because its set's value is followed. What more the merge comes to hold is
    /// charged when it is there.
    pub(super) fn cost_of_value(&self, payload: usize) -> usize {
        const ITSELF: usize = 512;
        if self.reads.is_empty() { 0 } else { payload + ITSELF }
    }

    /// The fields that policies read, of a set without results.
    pub(super) fn first_value(&self) -> Option<Value> {
        if self.reads.is_empty() {
            return None;
        }
        self.begin().call(self, |merge| merge.value())
    }

    /// The fields that policies read, of all results so far.
    pub(super) fn value(&self, open: &mut OpenSet) -> Option<Value> {
        if self.reads.is_empty() {
            return None;
        }
        if open.running.is_none() {
            open.running = Some(Box::new(self.begin()));
            self.charge(open, &mut self.budget.hold_anyway(0));
        }
        open.running.as_mut()?.call(self, |merge| merge.value())
    }

    /// The result at this place has entered. `spare` is memory held for it.
    pub(super) fn follow(&self, open: &mut OpenSet, place: u32, spare: &mut Held) {
        if self.reads.is_empty() {
            return;
        }
        let running = open.running.get_or_insert_with(|| Box::new(self.begin()));
        running.call(self, |merge| merge.push(&open.results[place as usize]));
        self.charge(open, spare);
    }

    /// Charges its set for what the value has grown by. `spare` is memory held for that.
    fn charge(&self, open: &mut OpenSet, spare: &mut Held) {
        let Some(running) = &mut open.running else { return };
        let bytes = running.call(self, |merge| size_of_val(merge).saturating_add(merge.bytes()));
        // A merge that talks nonsense does not use up what others need.
        let bytes = bytes.unwrap_or(0).min(self.spec.limits.bytes_per_set);
        let grown = bytes.saturating_sub(running.charged);
        running.charged += grown;
        let before = open.held.bytes();
        open.held.take_from(spare, grown);
        let beyond = grown - (open.held.bytes() - before);
        open.held.take_from(&mut self.budget.hold_anyway(beyond), beyond);
    }

    /// A result was replaced, which a merge cannot take back: it begins again.
    pub(super) fn follow_again(&self, open: &mut OpenSet) {
        let Some(running) = &mut open.running else { return };
        let merge = self.begin().merge.take();
        let charged = running.charged;
        **running = Running { merge, charged };
        for result in open.results.iter() {
            running.call(self, |merge| merge.push(result));
        }
    }

    /// Config has seen to it that the merge can follow these fields.
    fn begin(&self) -> Running {
        let begin = |strategy: &dyn MergeStrategy| strategy.running(&self.reads).ok();
        let strategy = self.spec.merge.as_deref();
        let merge = strategy
            .and_then(|strategy| self.counters.guard(self.spec.merge_plugin(), || begin(strategy)).flatten());
        Running { merge, charged: 0 }
    }
}
