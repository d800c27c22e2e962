//! In which order results are merged.

#[cfg(feature = "order-arrival")]
mod arrival;
#[cfg(feature = "order-sequence")]
mod sequence;
#[cfg(feature = "order-timestamp")]
mod timestamp;

#[cfg(feature = "order-arrival")]
pub use arrival::Arrival;
#[cfg(feature = "order-sequence")]
pub use sequence::Sequence;
#[cfg(feature = "order-timestamp")]
pub use timestamp::Timestamp;

/// By collector, then by session, then by number: the same for the same results, however they were scheduled.
#[cfg(any(feature = "order-sequence", feature = "order-timestamp"))]
fn by_sequence(a: &stook_plugin::Contribution, b: &stook_plugin::Contribution) -> std::cmp::Ordering {
    let key = |of: &stook_plugin::Contribution| (of.source.epoch, of.sequence);
    a.source.collector.cmp(&b.source.collector).then_with(|| key(a).cmp(&key(b)))
}

#[cfg(test)]
mod testing {
    //! A set with everything that an order could look at.

    use stook_plugin::{Contribution, OrderStrategy, Plugin, Registration};

    use crate::testing::{build, payload, result, source};

    /// A result: collector, session, sequence, timestamp. It arrives where it stands.
    pub(super) type Sent = (&'static str, u64, u64, Option<i64>);

    fn contributions(sent: &[Sent]) -> Vec<Contribution> {
        let contribution = |(arrival, sent): (usize, &Sent)| {
            let mut result = result(sent.0, payload("1"));
            result.source = source(sent.0, sent.1);
            (result.sequence, result.timestamp) = (sent.2, sent.3);
            result.arrival = u32::try_from(arrival).unwrap();
            result
        };
        sent.iter().enumerate().map(contribution).collect()
    }

    fn strategy<P: Plugin + OrderStrategy>() -> Box<dyn OrderStrategy> {
        build(&Registration::order::<P>("test"), "{}").unwrap()
    }

    /// That these results are merged in this order, given by their places of arrival.
    pub(super) fn check<P: Plugin + OrderStrategy>(sent: &[Sent], order: &[u32]) {
        let (strategy, mut results) = (strategy::<P>(), contributions(sent));
        results.sort_by(|a, b| strategy.compare(a, b));
        assert_eq!(results.iter().map(|result| result.arrival).collect::<Vec<_>>(), order, "{sent:?}");
    }
}
