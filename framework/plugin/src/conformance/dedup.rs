//! What is asked of every dedup.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use stook_types::{Incarnation, SessionEpoch, Topic, Value};
use uuid::Uuid;

use super::results::{COLLECTORS, FLAVOURS, collector, hostile, object, payload, respelled, result};
use super::{answer, one_of};
use crate::{Contribution, DedupMemory, DedupStrategy, Draw, Identity, Source};

/// Holds a dedup to its contract:
///
/// * it panics at no payload, readable or not;
/// * an error is for payloads that cannot be decoded, and for no others;
/// * it has no state: the same result has the same identity, whatever was asked in between, and for every instance that
///   was made with the same seed;
/// * its memory is the same at any time, remembers something, and does so for some time.
///
/// `make` makes an instance as config would, with one seed. Payloads are objects with some of the fields `n`, `m` and
/// `o`: let options name these.
///
/// # Panics
/// If the dedup does not hold to it.
#[track_caller]
pub fn dedup<D: DedupStrategy>(make: impl Fn() -> D) {
    let asked = Asked { dedup: make(), another: make() };
    let memory = asked.memory();
    assert!(memory.capacity > 0, "a memory remembers something: `capacity` is 0 in {memory:?}");
    assert!(
        memory.window > Duration::ZERO,
        "a memory remembers for some time: `window` is zero in {memory:?}"
    );
    for seed in 0..2_000 {
        let mut draw = Draw::new(seed);
        let sent = payload(&object(one_of(&FLAVOURS, &mut draw), &mut draw));
        for payload in [sent, hostile(&mut draw)] {
            let result = sent_by_anybody(result(payload, 0, &mut draw), &mut draw);
            asked.identity(&result, seed);
        }
    }
    assert!(asked.memory() == memory, "the memory is the same at any time: it was {memory:?}");
}

/// The same for a dedup that compares what results say, and nothing else. `content` is what it compares of a payload, and
/// `None` where there is nothing to compare:
///
/// * two results have the same identity just if their contents are equal;
/// * nothing else counts: who sent it, when, under which number, on which topic, nor how it is written.
///
/// # Panics
/// If the dedup does not hold to it.
#[track_caller]
pub fn dedup_of<D: DedupStrategy, C: PartialEq + Debug>(
    make: impl Fn() -> D,
    content: impl Fn(&Value) -> Option<C>,
) {
    let asked = Asked { dedup: make(), another: make() };
    for seed in 0..2_000 {
        let mut draw = Draw::new(seed);
        let flavour = one_of(&FLAVOURS, &mut draw);
        let one = object(flavour, &mut draw);
        let other = near(&one, &object(flavour, &mut draw), &mut draw);
        let identity = |value: &Value, draw: &mut Draw| {
            let payload = if draw.below(2) == 0 { payload(value) } else { respelled(value) };
            asked.identity(&sent_by_anybody(result(payload, 0, draw), draw), seed)
        };
        let said = [content(&one), content(&other)];
        let identities = [identity(&one, &mut draw), identity(&other, &mut draw)];
        let at =
            fmt::from_fn(|f| write!(f, "seed {seed}: of {one:?} and {other:?} the contents are {said:?}"));
        for (content, identity) in said.iter().zip(identities) {
            assert!(
                content.is_some() == identity.is_some(),
                "a result has an identity just if there is something to compare: it is {identity:?}, at {at}"
            );
        }
        let [Some(one), Some(other)] = &said else { continue };
        assert!(
            (one == other) == (identities[0] == identities[1]),
            "two results have the same identity just if their contents are equal, whoever sent them and however they are \
             written: the identities are {identities:x?}, at {at}"
        );
    }
    dedup(make);
}

struct Asked<D> {
    dedup: D,
    another: D,
}

impl<D: DedupStrategy> Asked<D> {
    #[track_caller]
    fn identity(&self, result: &Contribution, seed: u64) -> Option<Identity> {
        let value = result.payload.decode();
        let at = fmt::from_fn(|f| {
            write!(f, "seed {seed}: {value:?} of {} ({})", result.source.collector, result.sequence)
        });
        let [said, again] = [&self.dedup, &self.another].map(|dedup| answer(&at, || dedup.identity(result)));
        assert!(
            said.is_ok() || value.is_err(),
            "an error is for payloads that cannot be decoded: it is `{}`, at {at}",
            said.as_ref().map_or_else(ToString::to_string, |_| String::new())
        );
        assert!(
            said == again,
            "the same result has the same identity, at any time and for every instance of one seed: {said:x?} and \
             {again:x?}, at {at}"
        );
        said.ok().flatten()
    }

    #[track_caller]
    fn memory(&self) -> DedupMemory {
        answer("the question for the memory", || self.dedup.memory())
    }
}

/// The result as it could have come from anybody at any time.
fn sent_by_anybody(mut result: Contribution, draw: &mut Draw) -> Contribution {
    let incarnation = Incarnation(Uuid::from_u128(draw.below(2) as u128));
    let epoch = SessionEpoch(one_of(&[1, 2, u64::MAX], draw));
    let of = collector(one_of(&COLLECTORS, draw));
    result.source = Arc::new(Source::new(
        of,
        one_of(&["test", ""], draw),
        incarnation,
        epoch,
        one_of(&[None, Some(1)], draw),
    ));
    result.topic = Topic::new(one_of(&["test", "test.other"], draw)).expect("a topic");
    result.sequence = one_of(&[0, 1, u64::MAX], draw);
    result.timestamp = one_of(&[None, Some(0), Some(i64::MIN), Some(i64::MAX)], draw);
    result.last = draw.below(2) == 0;
    result
}

/// The one object, or the other, or the one with a field of the other.
fn near(one: &Value, other: &Value, draw: &mut Draw) -> Value {
    match (draw.below(4), one, other) {
        (0, ..) => one.clone(),
        (1, Value::Object(one), Value::Object(other)) => {
            let mut near = one.clone();
            let field = other.iter().nth(draw.below(other.len()));
            near.extend(field.map(|(name, value)| (name.clone(), value.clone())));
            Value::Object(near)
        }
        (2, Value::Object(one), _) => {
            let mut near = one.clone();
            near.pop_first();
            Value::Object(near)
        }
        _ => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::sync::atomic::{AtomicU32, Ordering};

    use stook_types::DecodeError;

    use super::*;
    use crate::conformance::testing::violates;
    use crate::{Keep, Scope};

    type Answer = Result<Option<Identity>, DecodeError>;

    /// A dedup by this.
    struct By<F>(F, DedupMemory);

    impl<F: Fn(&Contribution) -> Answer + Send + Sync + 'static> DedupStrategy for By<F> {
        fn identity(&self, result: &Contribution) -> Answer {
            self.0(result)
        }

        fn memory(&self) -> DedupMemory {
            self.1
        }
    }

    fn by<F: Fn(&Contribution) -> Answer + Send + Sync + 'static>(identity: F) -> By<F> {
        By(identity, DedupMemory::of_set())
    }

    fn hash(of: impl Hash) -> Answer {
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        Ok(Some(Identity(hasher.finish().into())))
    }

    fn whole(result: &Contribution) -> Answer {
        hash(result.payload.decode()?)
    }

    fn field(result: &Contribution) -> Answer {
        result.payload.decode()?.at(&["n"]).map_or(Ok(None), hash)
    }

    fn content(value: &Value) -> Option<Value> {
        value.at(&["n"]).cloned()
    }

    #[test]
    fn what_holds_to_the_contract_passes() {
        dedup(|| by(|_| Ok(None)));
        dedup(|| by(|result| hash((&result.source.collector, result.payload.bytes()))));
        dedup_of(|| by(whole), |value| Some(value.clone()));
        dedup_of(|| by(field), content);
    }

    #[test]
    fn each_violation_is_named_with_its_input() {
        let check = |identity: fn(&Contribution) -> Answer, saying: &str| {
            violates(saying, || dedup_of(|| by(identity), content));
        };
        check(
            |result| hash(result.payload.decode()?.at(&["n"])),
            "just if there is something to compare: it is Some(Identity(",
        );
        check(
            |result| result.payload.decode()?.at(&["n"]).map_or(Ok(None), |n| hash((n, &result.topic))),
            "whoever sent them",
        );
        check(
            |result| result.payload.decode()?.at(&["n"]).map_or(Ok(None), |n| hash(n.type_name())),
            "the identities are [Some(Identity(",
        );
        // How a field is written is no matter.
        check(
            |result| result.payload.decode()?.at(&["n"]).map_or(Ok(None), |_| hash(result.payload.bytes())),
            "however they are written",
        );
    }

    #[test]
    fn errors_and_state_are_found_without_a_content() {
        let refuses = |result: &Contribution| match result.payload.decode()? {
            Value::Object(fields) if fields.is_empty() => {
                Err(DecodeError { content_type: "test", why: "no fields".into() })
            }
            value => hash(value),
        };
        violates(
            "an error is for payloads that cannot be decoded: it is `payload is not valid test: no fields`",
            || {
                dedup(|| by(refuses));
            },
        );
        violates("it did, with `called `Result::unwrap()`", || {
            dedup(|| by(|result: &Contribution| hash(result.payload.decode().unwrap())));
        });
        violates("for every instance of one seed", || {
            let instances = AtomicU32::new(0);
            dedup(|| {
                let own = instances.fetch_add(1, Ordering::Relaxed);
                by(move |result| hash((own, result.payload.bytes())))
            });
        });
        violates("`capacity` is 0", || {
            dedup(|| By(whole, DedupMemory::bounded(Scope::Set, Duration::MAX, 0, Keep::First)));
        });
        violates("`window` is zero", || {
            dedup(|| By(whole, DedupMemory::bounded(Scope::Set, Duration::ZERO, 1, Keep::First)));
        });
    }
}
