//! Sets of three results from three collectors, as many pending as a figure wants, in an aggregator that was made of a
//! config as a host makes it.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use stook_engine::{MemoryUse, Offered, Released, ResultAggregator, Route, Session, Verdict};
use stook_plugin::{Draw, Source};
use stook_proto::payload;
use stook_types::{
    CollectorId, CorrelationId, Incarnation, MonoTime, Payload, SessionEpoch, Topic, Value, WallTime,
};
use uuid::Uuid;

use super::stopwatch::Stopwatch;

/// An aggregator with open sets, and the collectors that fill them.
pub(super) struct Pending {
    sets: ResultAggregator,
    route: Route,
    topic: Topic,
    collectors: Vec<Collector>,
    /// The open sets, by how many results they have: one, or two.
    open: [Vec<Uuid>; 2],
    /// Counts contents: no two results say the same unless they are to.
    contents: u64,
    draw: Draw,
    /// What time it is for the aggregator.
    pub(super) now: MonoTime,
    /// What the next released sets are put into, as a session does it.
    released: Vec<Released>,
}

struct Collector {
    session: Session,
    sequence: u64,
}

/// Which result of its set a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It opens the set.
    First,
    /// It enters an open set: any of those that have one.
    Second,
    /// It completes a set: any of those that have two.
    Third,
}

/// A result on its way, and whose it is.
pub(super) struct Arriving {
    collector: usize,
    offered: Offered,
}

/// How many results are brought at a time, as if read together.
pub(super) const READ: usize = 64;
/// Bytes of payload in each result.
pub(super) const PAYLOAD: usize = 128;
/// From the opening of a set to its timeout.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3_600);

/// Bytes on the wire between two payloads: IDs, lengths, sequence numbers.
const ENVELOPE: usize = 40;

// === impl Place ===

impl Place {
    /// Each of them.
    pub(super) const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];

    /// What it does to its set.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::First => "opens a set",
            Self::Second => "enters an open set",
            Self::Third => "completes a set",
        }
    }
}

// === impl Pending ===

impl Pending {
    /// No set yet. `more` are lines of the aggregate's table.
    pub(super) fn new(more: &str) -> Self {
        let config = format!(
            "[host]\nmemory = \"64GiB\"\n[aggregate.bench]\ntopics = [\"bench.result\"]\ntimeout = \"1h\"\n\
             complete = {{ use = \"count\", count = 3 }}\nmerge = {{ use = \"list\" }}\nlimits = {{ sets = 10_000_000 }}\n{more}"
        );
        let config = crate::host::config(&config, Path::new(""));
        let memory = usize::try_from(config.host.memory.0).unwrap_or(usize::MAX);
        let specs = config.aggregates.into_iter().map(|aggregate| aggregate.spec).collect();
        let sets = ResultAggregator::new(specs, memory);
        let topic = Topic::new("bench.result").expect("a topic");
        let collector = |number: u64| {
            let id = CollectorId::new(&format!("collector-{number}")).expect("an id");
            let incarnation = Incarnation(Uuid::from_u128(number.into()));
            let source = Source::new(id, "bench", incarnation, SessionEpoch(number), None);
            Collector { session: sets.connected(source), sequence: 0 }
        };
        Self {
            route: sets.route(&topic).expect("the aggregate takes it"),
            topic,
            collectors: (1..=3).map(collector).collect(),
            sets,
            open: [Vec::new(), Vec::new()],
            contents: 0,
            draw: Draw::new(7),
            now: MonoTime::at(Duration::from_secs(1)),
            released: Vec::new(),
        }
    }

    /// Opens so many sets, of one result each, evenly over a span of time.
    pub(super) fn fill(&mut self, sets: usize, over: Duration) {
        let start = self.now;
        let mut opened = 0;
        while opened < sets {
            let read = self.read(&[Place::First; READ][..READ.min(sets - opened)]);
            for arriving in &read {
                self.now = start + over.mul_f64(opened as f64 / sets as f64);
                self.offer(arriving);
                opened += 1;
            }
        }
    }

    /// Gives half of the sets that have one result a second one: from here on each of [`Place::ALL`] as often as the
    /// others leaves as many of both.
    pub(super) fn halve(&mut self) {
        for _ in 0..self.open[0].len() / 2 / READ {
            self.bring(Place::Second);
        }
    }

    /// Brings one read of results that are all at this place.
    pub(super) fn bring(&mut self, place: Place) {
        self.read(&[place; READ]).iter().for_each(|arriving| drop(self.offer(arriving)));
        self.settle();
    }

    /// As [`bring`](Self::bring), in nanoseconds for each result.
    pub(super) fn bring_timed(&mut self, place: Place, watch: &Stopwatch) -> [f64; READ] {
        let read = self.read(&[place; READ]);
        let mut took = [0.0; READ];
        for (arriving, took) in read.iter().zip(&mut took) {
            *took = watch.time(|| self.offer(arriving)).1;
        }
        self.settle();
        took
    }

    /// Results that were read together: slices of one buffer. Those of the same place are of different sets.
    pub(super) fn read(&mut self, places: &[Place]) -> Vec<Arriving> {
        let contents: Vec<u64> = (self.contents..).take(places.len()).collect();
        self.contents += places.len() as u64;
        let read = slices(&contents).zip(places).map(|(payload, place)| {
            let (collector, id) = match place {
                Place::First => (0, self.draw_id()),
                Place::Second => (1, self.any(0)),
                Place::Third => (2, self.any(1)),
            };
            self.arriving(collector, id, payload)
        });
        let read: Vec<_> = read.collect();
        // Known as what they will be only now: no set is met twice in one read.
        for (arriving, place) in read.iter().zip(places) {
            if let (CorrelationId::Uuid(id), Some(next)) =
                (&arriving.offered.correlation_id, self.open.get_mut(*place as usize))
            {
                next.push(*id);
            }
        }
        read
    }

    /// Results for open sets that say what one of the last `among` results said.
    pub(super) fn read_again(&mut self, among: u64) -> Vec<Arriving> {
        let again = |draw: &mut Draw| self.contents - 1 - draw.below(among as usize) as u64;
        let contents: Vec<u64> = (0..READ).map(|_| again(&mut self.draw)).collect();
        let read = slices(&contents).map(|payload| {
            let id = self.open[0][self.draw.below(self.open[0].len())];
            self.arriving(1, id, payload)
        });
        read.collect()
    }

    /// Offers a result, as a session of the host does.
    pub(super) fn offer(&mut self, arriving: &Arriving) -> Verdict {
        let session = &self.collectors[arriving.collector].session;
        self.sets.offer(self.now, session, self.route, &arriving.offered, &mut self.released)
    }

    /// Does what is due at `now`. Gives how many sets that has released.
    pub(super) fn expire(&mut self) -> usize {
        self.sets.expire(self.now, &mut self.released);
        self.released.len()
    }

    /// Finishes the sets that were released, and counts them as delivered.
    pub(super) fn settle(&mut self) {
        for released in self.released.drain(..) {
            let emission = released.finish(WallTime::from_unix_micros(0));
            black_box(&emission.result);
            emission.settlement.delivered();
        }
    }

    /// Gives the room for released sets back.
    pub(super) fn shrink(&mut self) {
        self.released.shrink_to_fit();
        self.open.iter_mut().for_each(|ids| *ids = Vec::new());
    }

    /// What the memory budget is charged.
    pub(super) fn memory(&self) -> MemoryUse {
        self.sets.memory()
    }

    fn arriving(&mut self, collector: usize, id: Uuid, payload: Payload) -> Arriving {
        let sequence = &mut self.collectors[collector].sequence;
        *sequence += 1;
        let offered = Offered::new(self.topic.clone(), CorrelationId::Uuid(id), *sequence, payload);
        Arriving { collector, offered }
    }

    fn draw_id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.draw.bits(), self.draw.bits())
    }

    /// Takes any of the sets that have so many results beyond one.
    fn any(&mut self, beyond: usize) -> Uuid {
        let place = self.draw.below(self.open[beyond].len());
        self.open[beyond].swap_remove(place)
    }
}

/// Payloads with these contents, each between what else stands in a frame.
fn slices(contents: &[u64]) -> impl Iterator<Item = Payload> + use<> {
    let mut buffer = Vec::with_capacity(contents.len() * (ENVELOPE + PAYLOAD));
    let mut encoding = None;
    for content in contents {
        buffer.resize(buffer.len() + ENVELOPE, 0);
        let payload = sample(*content);
        buffer.extend_from_slice(payload.bytes());
        encoding = Some(payload.encoding());
    }
    let buffer = Bytes::from(buffer);
    (0..contents.len()).filter_map(move |place| {
        let start = (place + 1) * ENVELOPE + place * PAYLOAD;
        Some(Payload::new(buffer.slice(start..start + PAYLOAD), encoding?))
    })
}

/// A payload of [`PAYLOAD`] bytes as a collector would send it: an object of five fields, one of which is this number.
pub(super) fn sample(content: u64) -> Payload {
    let value = Value::from([
        ("name", Value::from("worker")),
        ("number", Value::from(format!("{content:020}"))),
        ("parent", Value::from(1)),
        ("path", Value::from("/usr/libexec/bench/worker-of-benches")),
        ("root", Value::from(false)),
    ]);
    payload(&value).expect("flat")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_as_large_as_is_said() {
        assert_eq!([0, u64::MAX].map(|content| sample(content).len()), [PAYLOAD; 2]);
        let read: Vec<_> = slices(&[1, 2]).map(|payload| payload.decode()).collect();
        assert_eq!(read, [1, 2].map(|content| sample(content).decode()));
    }

    #[test]
    fn as_many_sets_stay_pending() {
        let mut pending = Pending::new("");
        pending.fill(1_000, Duration::from_secs(1));
        pending.halve();
        let before = pending.sets.counters().pending;
        for place in Place::ALL {
            pending.bring(place);
        }
        assert_eq!((before, pending.sets.counters().pending), (1_448, 1_448));
        let again = pending.read_again(1_000);
        assert!(again.iter().all(|arriving| matches!(pending.offer(arriving), Verdict::Accepted { .. })));
    }

    #[test]
    fn what_is_due_is_released() {
        let mut pending = Pending::new("");
        pending.fill(1_000, Duration::from_secs(1));
        pending.now = MonoTime::at(Duration::from_millis(1_500)) + TIMEOUT;
        assert_eq!(pending.expire(), 501);
        pending.settle();
        assert_eq!(pending.sets.counters().pending, 499);
    }
}
