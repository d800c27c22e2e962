//! `arrival`: as they came.

use std::cmp::Ordering;

use stook_plugin::{BuildContext, BuildError, Contribution, NoOptions, OrderStrategy, Plugin, register};

/// In order of arrival.
pub struct Arrival;

impl Plugin for Arrival {
    const NAME: &'static str = "arrival";
    const DOCS: &'static str = "Merges results in the order in which they arrived. Between collectors that is a matter of \
        scheduling: the same answers may be merged differently next time.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl OrderStrategy for Arrival {
    fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
        a.arrival.cmp(&b.arrival)
    }

    fn depends_on_scheduling(&self) -> bool {
        true
    }
}

register!(order: Arrival);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::testing::check;

    #[test]
    fn keeps_its_promises() {
        stook_plugin::conformance::plugin::<Arrival>(&[]);
        stook_plugin::conformance::order(|| Arrival);
    }

    #[test]
    fn keeps_arrival_whatever_else_is_said() {
        check::<Arrival>(&[("b", 2, 9, Some(9)), ("a", 1, 1, Some(1)), ("a", 1, 0, None)], &[0, 1, 2]);
        assert!(Arrival.depends_on_scheduling());
    }
}
