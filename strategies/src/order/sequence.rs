//! `sequence`: as each collector numbered them.

use std::cmp::Ordering;

use stook_plugin::{BuildContext, BuildError, Contribution, NoOptions, OrderStrategy, Plugin, register};

/// By collector, session and sequence number.
pub struct Sequence;

impl Plugin for Sequence {
    const NAME: &'static str = "sequence";
    const DOCS: &'static str = "Merges results collector by collector (by id), each in the order in which it numbered them, \
        earlier sessions first. The same answers always merge in the same order.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl OrderStrategy for Sequence {
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        super::by_sequence(a, b)
    }
}

register!(order: Sequence);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::testing::check;

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<Sequence>(&[]);
        stook_plugin::conformance::order(|| Sequence);
    }

    #[test]
    fn sorts_by_collector_session_and_number() {
        check::<Sequence>(&[("a", 1, 3, None), ("a", 1, 2, None), ("a", 1, 1, None)], &[2, 1, 0]);
        check::<Sequence>(&[("b", 1, 1, None), ("a", 2, 1, None), ("a", 1, 9, None)], &[2, 1, 0]);
        assert!(!Sequence.depends_on_scheduling());
    }
}
