//! What the threads of a scene share, and what must hold when they are done.

mod check;

use std::sync::{Arc, Mutex, PoisonError};

use shuttle::thread::{self, JoinHandle};
use stook_engine::{AggregateSpec, Emission, Offered, Released, ResultAggregator, Session, Verdict};
use stook_plugin::{Reason, Source};
use stook_types::{Incarnation, Missing, MonoTime, Payload, SessionEpoch, WallTime};

use crate::harness::{JSON, collector, id, key, ms, topic};

pub(crate) const NOW: MonoTime = MonoTime::ZERO;

pub(crate) fn at(millis: u64) -> MonoTime {
    MonoTime::at(ms(millis))
}

/// When sets of [`spec`](crate::harness::spec) that were opened at the beginning time out.
pub(crate) fn at_timeout() -> MonoTime {
    at(10_000)
}

/// An engine, and what came out of it. Its own locks are no matter of schedules: each is held for a look or a push.
pub(crate) struct World {
    pub(crate) sets: ResultAggregator,
    released: Mutex<Vec<Released>>,
    ends: Mutex<Vec<End>>,
    /// What became of each message, but for those that wait.
    verdicts: Mutex<Vec<(Message, Verdict)>>,
    parked: Mutex<Vec<(Arc<Session>, Message)>>,
    epochs: Mutex<u64>,
    /// Whether sets are forgotten in the course of the scene: then one may come out again, as if it had never been.
    forgets: bool,
}

/// A result that is offered. Sequence numbers tell results apart in a whole scene, whoever sends them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    id: &'static str,
    pub(crate) sequence: u64,
    /// Equal where results are equal.
    content: u64,
    now: MonoTime,
    last: bool,
    fenced: bool,
}

/// A set that came out.
#[derive(Debug)]
pub(crate) struct End {
    id: String,
    generation: u64,
    revision: u64,
    pub(crate) reason: Reason,
    /// The results that are in no earlier emission of it, sorted.
    pub(crate) has: Vec<u64>,
    /// How many results it has in all.
    pub(crate) results: u64,
    was_taken: bool,
}

pub(crate) fn message(id: &'static str, sequence: u64) -> Message {
    Message { id, sequence, content: sequence, now: NOW, last: false, fenced: false }
}

// === impl Message ===

impl Message {
    pub(crate) fn saying(self, content: u64) -> Self {
        Self { content, ..self }
    }

    pub(crate) fn at(self, now: MonoTime) -> Self {
        Self { now, ..self }
    }

    pub(crate) fn last(self) -> Self {
        Self { last: true, ..self }
    }

    pub(crate) fn fenced(self, fenced: bool) -> Self {
        Self { fenced, ..self }
    }
}

// === impl End ===

impl End {
    /// Which set it is, by correlation ID and, beyond the first, generation.
    pub(crate) fn name(&self) -> String {
        match self.generation {
            1 => self.id.clone(),
            generation => format!("{} {generation}", self.id),
        }
    }
}

// === impl World ===

impl World {
    pub(crate) fn new(spec: AggregateSpec) -> Arc<Self> {
        Self::with_memory(spec, 1 << 20)
    }

    pub(crate) fn with_memory(spec: AggregateSpec, memory: usize) -> Arc<Self> {
        Arc::new(Self::of(spec, memory))
    }

    /// One in whose course sets are forgotten.
    pub(crate) fn that_forgets(spec: AggregateSpec) -> Arc<Self> {
        Arc::new(Self { forgets: true, ..Self::of(spec, 1 << 20) })
    }

    fn of(spec: AggregateSpec, memory: usize) -> Self {
        Self {
            sets: ResultAggregator::new(vec![spec], memory),
            released: Mutex::default(),
            ends: Mutex::default(),
            verdicts: Mutex::default(),
            parked: Mutex::default(),
            epochs: Mutex::default(),
            forgets: false,
        }
    }

    pub(crate) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let world = self.clone();
        thread::spawn(move || act(&world))
    }

    /// Lets a collector send these, one after the other, on a thread of its own.
    pub(crate) fn sends<const N: usize>(
        self: &Arc<Self>,
        from: &Arc<Session>,
        messages: [Message; N],
    ) -> JoinHandle<()> {
        let from = from.clone();
        self.spawn(move |world| messages.into_iter().for_each(|message| _ = world.offer(&from, message)))
    }

    /// A session of a new incarnation.
    pub(crate) fn connect(&self, name: &str) -> Arc<Session> {
        let epoch = self.next_epoch();
        let incarnation = Incarnation(uuid::Uuid::from_u128(epoch.into()));
        let source = Source::new(collector(name), "kind", incarnation, SessionEpoch(epoch), None);
        Arc::new(self.sets.connected(source))
    }

    /// The next session of the same incarnation.
    pub(crate) fn connect_again(&self, session: &Session) -> Arc<Session> {
        let mut source = Source::clone(session.source());
        source.epoch = SessionEpoch(self.next_epoch());
        Arc::new(self.sets.connected(source))
    }

    fn next_epoch(&self) -> u64 {
        let mut epochs = lock(&self.epochs);
        *epochs += 1;
        *epochs
    }

    // === what happens ===

    pub(crate) fn offer(&self, session: &Arc<Session>, message: Message) -> Verdict {
        let topic = topic("a.x");
        let route = self.sets.route(&topic).unwrap();
        let payload = Payload::new(message.content.to_string().into_bytes().into(), &JSON);
        let mut offered = Offered::new(topic, id(message.id), message.sequence, payload);
        (offered.last, offered.fenced) = (message.last, message.fenced);
        let verdict = self.act(|sets, out| sets.offer(message.now, session, route, &offered, out));
        match verdict {
            Verdict::Parked => lock(&self.parked).push((session.clone(), message)),
            _ => lock(&self.verdicts).push((message, verdict.clone())),
        }
        verdict
    }

    pub(crate) fn act<T>(&self, act: impl FnOnce(&ResultAggregator, &mut Vec<Released>) -> T) -> T {
        let mut released = Vec::new();
        let done = act(&self.sets, &mut released);
        self.keep(released);
        done
    }

    pub(crate) fn keep(&self, released: Vec<Released>) {
        lock(&self.released).extend(released);
    }

    pub(crate) fn expire(&self, now: MonoTime) {
        self.act(|sets, out| sets.expire(now, out));
    }

    pub(crate) fn force(&self, id: Option<&str>) -> usize {
        self.act(|sets, out| sets.force(NOW, 0, id.map(key).as_ref(), out))
    }

    pub(crate) fn shut_down(&self) {
        self.act(|sets, out| sets.shutdown(NOW, out));
    }

    pub(crate) fn lose(&self, session: &Session) {
        self.act(|sets, out| sets.collector_lost(NOW, session.source(), Missing::Exited, out));
    }

    /// What no sink has been given yet.
    pub(crate) fn take_released(&self) -> Vec<Released> {
        std::mem::take(&mut *lock(&self.released))
    }

    /// The sinks take what was released.
    pub(crate) fn settle(&self) {
        self.finish(self.take_released(), |emission| {
            emission.settlement.delivered();
            true
        });
    }

    /// The sinks lose what was released.
    pub(crate) fn fail(&self, released: Vec<Released>) {
        self.finish(released, |emission| {
            drop(emission.settlement);
            false
        });
    }

    fn finish(&self, released: Vec<Released>, settle: impl Fn(Emission) -> bool) {
        for released in released {
            let emission = released.finish(WallTime::from_unix_micros(0));
            let result = &emission.result;
            if result.reason == Reason::CollectorsLost {
                assert!(!result.missing.is_empty(), "{result:?}");
            }
            let mut has: Vec<_> = emission.origins.iter().map(|(_, sequence)| *sequence).collect();
            has.sort_unstable();
            let mut end = End {
                id: result.correlation_id.to_string(),
                generation: result.generation,
                revision: result.revision,
                reason: result.reason,
                has,
                results: result.results,
                was_taken: false,
            };
            end.was_taken = settle(emission);
            lock(&self.ends).push(end);
        }
    }

    /// Ends sets and offers again what waits for room, until it is in: each time somebody is.
    pub(crate) fn let_in(&self) {
        loop {
            let parked = std::mem::take(&mut *lock(&self.parked));
            if parked.is_empty() {
                return;
            }
            let waiting = parked.len();
            self.force(None);
            self.settle();
            for (session, message) in parked {
                self.offer(&session, message);
            }
            assert!(lock(&self.parked).len() < waiting, "there is room, and nobody gets in");
        }
    }

    // === looking ===

    /// What became of the message of this number.
    pub(crate) fn verdict(&self, sequence: u64) -> Verdict {
        let verdicts = lock(&self.verdicts);
        let of = verdicts.iter().find(|(message, _)| message.sequence == sequence);
        of.expect("it was offered, and does not wait").1.clone()
    }

    pub(crate) fn is_accepted(&self, sequence: u64) -> bool {
        matches!(self.verdict(sequence), Verdict::Accepted { .. })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for all of them.
pub(crate) fn join<const N: usize>(threads: [JoinHandle<()>; N]) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
