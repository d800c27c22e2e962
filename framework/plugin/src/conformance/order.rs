//! What is asked of every order.

use std::cmp::Ordering;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use stook_types::SessionEpoch;

use super::results::{COLLECTORS, collector, hostile, object, payload, result};
use super::sent::shuffled;
use super::{answer, one_of, results::FLAVOURS};
use crate::{Contribution, Draw, OrderStrategy, Source};

/// Holds an order to its contract:
///
/// * it panics at no two results, however absurd: payloads that cannot be read, times before 1970 and at the end of
///   time, the largest numbers;
/// * it is a total preorder: what comes before does so from either side, every result is level with itself, and what
///   comes before something that comes before a third comes before that one;
/// * it has no state: the same two results compare the same, whatever was compared in between;
/// * unless it says that it [depends on scheduling](OrderStrategy::depends_on_scheduling), the same results, each with a
///   timestamp, come in the same order whichever collector's arrived first.
///
/// `make` makes an instance as config would. Payloads are objects with some of the fields `n`, `m` and `o`.
///
/// # Panics
/// If the order does not hold to it.
#[track_caller]
pub fn order<O: OrderStrategy>(make: impl Fn() -> O) {
    let order = make();
    for seed in 0..2_000 {
        let mut draw = Draw::new(seed);
        // Few values of each part, so that many are equal.
        let results = [(); 3].map(|()| anything(&mut draw));
        is_total_preorder(&order, &make(), &results, seed);
    }
    if !order.depends_on_scheduling() {
        for seed in 0..500 {
            is_the_same_in_any_interleaving(&order, seed);
        }
    }
}

#[track_caller]
fn is_total_preorder(
    order: &impl OrderStrategy,
    other: &impl OrderStrategy,
    results: &[Contribution; 3],
    seed: u64,
) {
    let compare = |a: &Contribution, b: &Contribution| {
        let at = fmt::from_fn(|f| write!(f, "seed {seed}: {:?} and {:?}", Seen(a), Seen(b)));
        let said = answer(&at, || order.compare(a, b));
        let again = answer(&at, || other.compare(a, b));
        assert!(
            said == again,
            "the same two results compare the same, at any time: {said:?} and {again:?}, at {at}"
        );
        said
    };
    let [a, b, c] = results;
    assert!(
        compare(a, a) == Ordering::Equal,
        "every result is level with itself: {:?} is not, at seed {seed}",
        Seen(a)
    );
    for (a, b) in [(a, b), (b, c), (a, c)] {
        assert!(
            compare(a, b) == compare(b, a).reverse(),
            "what comes before does so from either side: {:?}, and from the other {:?}, at seed {seed}: {:?} and {:?}",
            compare(a, b),
            compare(b, a),
            Seen(a),
            Seen(b)
        );
    }
    for [a, b, c] in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert!(
            !(compare(a, b).is_le() && compare(b, c).is_le()) || compare(a, c).is_le(),
            "what comes before something that comes before a third comes before that one: {:?} does not, at seed {seed}: {:?}",
            Seen(a),
            results.each_ref().map(Seen)
        );
    }
}

/// The results of a few collectors, each of which has its own in one order, arrive in two ways.
#[track_caller]
fn is_the_same_in_any_interleaving(order: &impl OrderStrategy, seed: u64) {
    let mut draw = Draw::new(seed);
    let mut sent: Vec<_> = (0..2 + draw.below(7)).map(|number| timed(number, &mut draw)).collect();
    let sorted = |arriving: &mut [Contribution]| {
        for (place, result) in arriving.iter_mut().enumerate() {
            result.arrival = place as u32;
        }
        let at =
            fmt::from_fn(|f| write!(f, "seed {seed}: {:?}", arriving.iter().map(Seen).collect::<Vec<_>>()));
        let mut merged: Vec<_> = arriving.iter().collect();
        answer(at, || merged.sort_by(|a, b| order.compare(a, b)));
        merged
            .into_iter()
            .map(|result| (result.source.collector.clone(), result.sequence))
            .collect::<Vec<_>>()
    };
    let one = sorted(&mut sent);
    let mut other = interleaved(&sent, &mut draw);
    let another = sorted(&mut other);
    assert!(
        one == another,
        "an order that depends on who was scheduled first says so in `depends_on_scheduling`: the same results come as \
         {one:?} and as {another:?}, at seed {seed}: {:?}",
        sent.iter().map(Seen).collect::<Vec<_>>()
    );
}

/// The same results with those of each collector in the order that they have, and otherwise in another.
fn interleaved(sent: &[Contribution], draw: &mut Draw) -> Vec<Contribution> {
    let of = |name: &str| {
        sent.iter().filter(|result| result.source.collector.as_str() == name).collect::<Vec<_>>()
    };
    let mut queues = COLLECTORS.map(|name| of(name).into_iter());
    let turns = shuffled(sent, draw);
    let turns = turns.iter().map(|result| result.source.collector.as_str());
    let next = |name: &str| {
        let queue = COLLECTORS.iter().position(|of| *of == name)?;
        queues[queue].next().cloned()
    };
    turns.filter_map(next).collect()
}

/// A result as it could come, with its place among others and a time.
fn timed(number: usize, draw: &mut Draw) -> Contribution {
    let mut result = result(payload(&object(one_of(&FLAVOURS, draw), draw)), number, draw);
    result.timestamp = Some(draw.below(3) as i64);
    result
}

/// Any result.
fn anything(draw: &mut Draw) -> Contribution {
    let mut result = if draw.below(8) == 0 {
        result(hostile(draw), 0, draw)
    } else {
        result(payload(&object(one_of(&FLAVOURS, draw), draw)), 0, draw)
    };
    let epoch = SessionEpoch(one_of(&[1, 1, 2, u64::MAX], draw));
    let of = collector(one_of(&COLLECTORS[..2], draw));
    let incarnation = result.source.incarnation;
    result.source = Arc::new(Source::new(of, one_of(&["test", ""], draw), incarnation, epoch, None));
    result.sequence = one_of(&[0, 1, 2, u64::MAX], draw);
    result.timestamp = one_of(&[None, Some(0), Some(1), Some(i64::MIN), Some(i64::MAX)], draw);
    result.arrival = one_of(&[0, 1, 2, u32::MAX], draw);
    result.last = draw.below(2) == 0;
    result
}

/// What an order could look at, for messages.
struct Seen<'a>(&'a Contribution);

impl Debug for Seen<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Contribution { source, sequence, timestamp, arrival, payload, .. } = self.0;
        write!(f, "({}, epoch {}, ", source.collector, source.epoch.0)?;
        write!(
            f,
            "sequence {sequence}, timestamp {timestamp:?}, arrival {arrival}, {:?})",
            payload.decode().ok()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use stook_types::Value;

    use super::*;
    use crate::conformance::testing::violates;

    /// An order by this, which depends on scheduling or not.
    struct By<F>(F, bool);

    impl<F: Fn(&Contribution, &Contribution) -> Ordering + Send + Sync + 'static> OrderStrategy for By<F> {
        fn compare(&self, a: &Contribution, b: &Contribution) -> Ordering {
            self.0(a, b)
        }

        fn depends_on_scheduling(&self) -> bool {
            self.1
        }
    }

    fn by_number(a: &Contribution, b: &Contribution) -> Ordering {
        a.source.collector.cmp(&b.source.collector).then(a.sequence.cmp(&b.sequence))
    }

    fn number(of: &Contribution) -> Option<i64> {
        match of.payload.decode().ok()?.at(&["n"]) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    #[test]
    fn what_holds_to_the_contract_passes() {
        order(|| By(by_number, false));
        order(|| By(|a: &Contribution, b: &Contribution| a.arrival.cmp(&b.arrival), true));
        order(|| By(|_: &Contribution, _: &Contribution| Ordering::Equal, true));
        order(|| {
            By(|a: &Contribution, b: &Contribution| number(a).cmp(&number(b)).then(by_number(a, b)), false)
        });
        // What one collector sends arrives as it was sent, whoever else is scheduled.
        let each_as_it_came = |a: &Contribution, b: &Contribution| {
            a.source.collector.cmp(&b.source.collector).then(a.arrival.cmp(&b.arrival))
        };
        order(|| By(each_as_it_came, false));
    }

    #[test]
    fn each_violation_is_named_with_its_input() {
        let check = |compare: fn(&Contribution, &Contribution) -> Ordering, saying: &str| {
            violates(saying, || order(|| By(compare, false)));
        };
        check(|_, _| Ordering::Less, "level with itself: (p2, epoch");
        check(
            |a, b| if a.arrival == b.arrival { Ordering::Equal } else { Ordering::Less },
            "does so from either side: Less, and from the other Less, at seed",
        );
        // Takes the timestamps where there are two, and else the arrival.
        let mixed = |a: &Contribution, b: &Contribution| match (a.timestamp, b.timestamp) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => a.arrival.cmp(&b.arrival),
        };
        check(mixed, "what comes before something that comes before a third");
        check(|a, b| (a.timestamp.unwrap_or(0) - b.timestamp.unwrap_or(0)).cmp(&0), "overflow`, at seed");
        check(
            |a, b| a.arrival.cmp(&b.arrival),
            "says so in `depends_on_scheduling`: the same results come as",
        );
        check(|a, b| a.timestamp.cmp(&b.timestamp), "says so in `depends_on_scheduling`");
        check(
            |_, _| {
                thread_local!(static TURN: Cell<bool> = const { Cell::new(false) });
                TURN.set(!TURN.get());
                if TURN.get() { Ordering::Equal } else { Ordering::Less }
            },
            "compare the same, at any time: Equal and Less, at seed 0",
        );
    }
}
