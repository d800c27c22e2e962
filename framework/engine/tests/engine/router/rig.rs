//! Router, sets and collectors in virtual time. The rig keeps books of its own, from what it was told and what it did,
//! and holds the router against them after every step.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use stook_engine::{
    Act, AggregateSpec, Arrival, LeaseId, LoadBalancer, Loss, Modifiers, NamedScore, Offered, Placed,
    Released, ResultAggregator, ScoreId, Session, SubmitError, Task, TaskEnding, TaskEvent, TaskLimits,
    TaskRouter, Turn, Verdict,
};
use stook_plugin::{LoadHints, Reason, Source};
use stook_types::{
    Capability, CollectorId, FanOut, Incarnation, Missing, MonoTime, Payload, Refusal, TaskId, TaskOutcome,
    WallTime,
};

use crate::harness::{JSON, collector, id, line, source, topic};

pub(super) struct Rig {
    pub(super) router: TaskRouter,
    pub(super) sets: ResultAggregator,
    pub(super) now: MonoTime,
    seats: BTreeMap<String, Seat>,
    leases: BTreeMap<LeaseId, Lease>,
    parts: Vec<Part>,
    tasks: BTreeMap<String, Known>,
    /// The latest time at which each announced set is released.
    announced: BTreeMap<(usize, String), MonoTime>,
    /// Sessions do not know yet what is fenced.
    unheard: bool,
    /// Results that were offered.
    sent: HashSet<(Incarnation, u64)>,
    incarnations: u128,
    epochs: u64,
    sequences: u64,
    last_lease: LeaseId,
    closed: bool,
    log: Vec<String>,
    /// Results that were refused as stale.
    pub(super) stale: u64,
}

/// A live session.
struct Seat {
    session: Session,
    capabilities: BTreeMap<String, u32>,
    draining: bool,
}

/// What a process has, whether the router still counts on it or not.
struct Lease {
    holder: String,
    source: Source,
    task: String,
    capability: String,
    part: usize,
    live: bool,
}

#[derive(Debug)]
struct Part {
    task: String,
    capability: String,
    only: Option<String>,
    lease: Option<LeaseId>,
    attempts: u32,
    failed: Vec<Incarnation>,
    kills: u32,
    assigned: MonoTime,
    end: Option<End>,
    /// Who was said to have finished it.
    finished: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Failed,
    Quarantined,
}

struct Known {
    task: Task,
    missing: bool,
    ended: Option<TaskOutcome>,
}

/// A lease that a collector had once, to answer under it whatever has become of it.
#[derive(Clone, Debug)]
pub(super) struct Slip {
    pub(super) lease: LeaseId,
    pub(super) holder: String,
    pub(super) source: Source,
    pub(super) task: String,
}

pub(super) fn capability(text: &str) -> Capability {
    Capability::new(text).unwrap()
}

pub(super) fn at(ms: u64) -> MonoTime {
    MonoTime::at(Duration::from_millis(ms))
}

/// A task for the best collector, into aggregate 0 under its own name, with a deadline after a minute.
pub(super) fn task(name: &str, capabilities: &[&str]) -> Task {
    Task {
        id: TaskId(uuid::Uuid::from_u128(0)),
        name: name.into(),
        correlation_id: id(name),
        capabilities: capabilities.iter().map(|name| (capability(name), ScoreId(0))).collect(),
        fan_out: FanOut::One,
        into: vec![0],
        payload: Payload::new(bytes::Bytes::new(), &JSON),
        priority: 0,
        deadline: at(60_000),
        attempt: None,
        stall: None,
        backlog: 1_000,
    }
}

/// As [`task`], for everybody who can.
pub(super) fn each(name: &str, capabilities: &[&str]) -> Task {
    Task { fan_out: FanOut::Each, ..task(name, capabilities) }
}

/// As [`task`], for these collectors.
pub(super) fn ids(name: &str, capabilities: &[&str], ids: &[&str]) -> Task {
    let ids = ids.iter().map(|name| collector(name)).collect();
    Task { fan_out: FanOut::Ids(ids), ..task(name, capabilities) }
}

/// Whether a task was not announced to this aggregate.
fn not_announced(acts: &[Act], aggregate: &str) -> bool {
    let quoted = format!("`{aggregate}`");
    let is_it =
        |act: &Act| matches!(act, Act::Tell(TaskEvent::NotAnnounced { why, .. }) if why.contains(&quoted));
    acts.iter().any(is_it)
}

impl Rig {
    /// With the engine's own scoring and no modifiers.
    pub(super) fn new(specs: Vec<AggregateSpec>) -> Self {
        Self::with(specs, Vec::new(), Modifiers::NONE, TaskLimits::default(), 7)
    }

    pub(super) fn with(
        specs: Vec<AggregateSpec>,
        policies: Vec<NamedScore>,
        modifiers: Modifiers,
        limits: TaskLimits,
        seed: u64,
    ) -> Self {
        let balancer = LoadBalancer::new(policies, modifiers, seed);
        Self {
            router: TaskRouter::new(balancer, LeaseId(0), limits),
            sets: ResultAggregator::new(specs, 1 << 30),
            now: MonoTime::ZERO,
            seats: BTreeMap::new(),
            leases: BTreeMap::new(),
            parts: Vec::new(),
            tasks: BTreeMap::new(),
            announced: BTreeMap::new(),
            sent: HashSet::new(),
            incarnations: 0,
            epochs: 0,
            unheard: false,
            sequences: 0,
            last_lease: LeaseId(0),
            closed: false,
            log: Vec::new(),
            stale: 0,
        }
    }

    // === collectors ===

    /// A new process of this collector connects. A capability as `scan:2`, for two at once.
    pub(super) fn connect(&mut self, name: &str, capabilities: &[&str]) {
        self.incarnations += 1;
        self.connect_as(name, capabilities, self.incarnations);
    }

    /// The process of this incarnation connects.
    pub(super) fn connect_as(&mut self, name: &str, capabilities: &[&str], incarnation: u128) {
        self.epochs += 1;
        let source = source(name, incarnation, self.epochs);
        let session = self.sets.connected(source.clone());
        let split = |text: &&str| {
            let (name, concurrency) = text.split_once(':').unwrap();
            (name.to_owned(), concurrency.parse().unwrap())
        };
        let capabilities: BTreeMap<String, u32> = capabilities.iter().map(split).collect();
        let declared: Vec<_> =
            capabilities.iter().map(|(name, concurrency)| (capability(name), *concurrency)).collect();
        self.seats.insert(name.into(), Seat { session, capabilities, draining: false });
        self.step(|router, turn| {
            router.connected(turn, Arrival { source: &source, capabilities: &declared });
        });
    }

    /// The session is lost, and what it had may be to blame.
    pub(super) fn crash(&mut self, name: &str) {
        self.lose(name, Loss { why: Missing::Exited, suspicious: true });
    }

    /// The session is lost in order.
    pub(super) fn part_with(&mut self, name: &str) {
        self.lose(name, Loss { why: Missing::Disconnected, suspicious: false });
    }

    pub(super) fn lose(&mut self, name: &str, loss: Loss) {
        let seat = self.seats.remove(name).unwrap();
        let source = (**seat.session.source()).clone();
        let had: Vec<_> =
            self.leases.iter().filter(|(_, lease)| lease.holder == name).map(|(id, _)| *id).collect();
        let had: Vec<_> = had.iter().map(|id| self.leases.remove(id).unwrap()).collect();
        let had: Vec<_> = had.iter().filter(|lease| lease.live).map(|lease| lease.part).collect();
        let most = had.iter().map(|part| self.parts[*part].kills).max();
        for part in had {
            let part = &mut self.parts[part];
            part.lease = None;
            part.failed.push(source.incarnation);
            part.kills += u32::from(loss.suspicious && Some(part.kills) == most);
        }
        self.step(|router, turn| router.lost(turn, &source, loss));
    }

    pub(super) fn drain(&mut self, name: &str) {
        self.seats.get_mut(name).unwrap().draining = true;
        self.router.draining(self.now, &collector(name));
        self.check();
    }

    pub(super) fn heartbeat(&mut self, name: &str, progress: u64) {
        let id = collector(name);
        self.step(|router, turn| router.heartbeat(turn, &id, progress, LoadHints::default()));
    }

    pub(super) fn is_connected(&self, name: &str) -> bool {
        self.seats.contains_key(name)
    }

    // === tasks ===

    /// Submits a task that is taken.
    #[track_caller]
    pub(super) fn give(&mut self, task: Task) -> Placed {
        self.submit(task).unwrap()
    }

    pub(super) fn submit(&mut self, task: Task) -> Result<Placed, SubmitError> {
        let name = task.name.to_string();
        let before = self.parts.len();
        for (capability, _) in &task.capabilities {
            let only: Vec<Option<String>> = match &task.fan_out {
                FanOut::One => vec![None],
                FanOut::Each => self.able(capability.as_str(), |_| true),
                FanOut::Ids(ids) => {
                    self.able(capability.as_str(), |name| ids.iter().any(|id| id.as_str() == name))
                }
            };
            self.parts.extend(only.into_iter().map(|only| Part {
                task: name.clone(),
                capability: capability.to_string(),
                only,
                lease: None,
                attempts: 0,
                failed: Vec::new(),
                kills: 0,
                assigned: MonoTime::ZERO,
                end: None,
                finished: None,
            }));
        }
        let known = Known { task: task.clone(), missing: false, ended: None };
        assert!(self.tasks.insert(name.clone(), known).is_none(), "names of tasks are unique here");
        let mut released = Vec::new();
        let mut acts = Vec::new();
        let mut turn = Turn { now: self.now, sets: &self.sets, released: &mut released, acts: &mut acts };
        let placed = self.router.submit(&mut turn, task.clone());
        match &placed {
            Err(_) => {
                assert!(
                    acts.iter().all(|act| matches!(act, Act::Tell(TaskEvent::NotAnnounced { .. }))),
                    "nothing has happened: {acts:?}"
                );
                self.parts.truncate(before);
                self.tasks.remove(&name);
            }
            Ok(placed) => {
                let known = self.tasks.get_mut(&name).unwrap();
                known.missing = placed.missing > 0;
                let told: Vec<_> = self.sets.specs().map(|spec| !not_announced(&acts, &spec.name)).collect();
                known.task.into.retain(|index| told[*index]);
                for index in &known.task.into {
                    let set = (*index, task.correlation_id.to_string());
                    let timeout = self.sets.specs().nth(*index).unwrap().timeout;
                    self.announced.entry(set).or_insert(self.now + timeout);
                }
            }
        }
        self.digest(acts, released);
        if let Ok(placed) = &placed {
            let parts = &self.parts[before..];
            let leased = parts.iter().filter(|part| part.lease.is_some()).count();
            let waiting = parts.iter().filter(|part| part.lease.is_none() && part.end.is_none()).count();
            assert_eq!((placed.assigned, placed.waiting), (leased, waiting));
        }
        placed
    }

    /// Who is connected and has a capability.
    fn able(&self, capability: &str, among: impl Fn(&str) -> bool) -> Vec<Option<String>> {
        let able =
            |(name, seat): &(&String, &Seat)| seat.capabilities.contains_key(capability) && among(name);
        self.seats.iter().filter(able).map(|(name, _)| Some(name.clone())).collect()
    }

    pub(super) fn done(&mut self, name: &str, task: &str) {
        self.end(name, task, TaskEnding::Done);
    }

    pub(super) fn fails(&mut self, name: &str, task: &str) {
        self.end(name, task, TaskEnding::Failed("it did not work".into()));
    }

    pub(super) fn returns(&mut self, name: &str, task: &str) {
        self.end(name, task, TaskEnding::Returned("it leaves".into()));
    }

    pub(super) fn end(&mut self, name: &str, task: &str, ending: TaskEnding) {
        let slip = self.slip(name, task);
        self.end_slip(&slip, ending);
    }

    /// A collector ends what it was given once, whether or not it is still its own.
    pub(super) fn end_slip(&mut self, slip: &Slip, ending: TaskEnding) {
        let is_theirs = self.leases.get(&slip.lease).is_some_and(|_| self.is_current(&slip.source));
        if is_theirs {
            let lease = self.leases.remove(&slip.lease).unwrap();
            let part = &mut self.parts[lease.part];
            let seat = self.seats.get_mut(&slip.holder).unwrap();
            seat.draining |= matches!(ending, TaskEnding::Returned(_));
            if lease.live {
                part.lease = None;
                match ending {
                    TaskEnding::Done => part.end = Some(End::Done),
                    TaskEnding::Failed(_) => part.end = Some(End::Failed),
                    _ => {}
                }
            }
        }
        let id = collector(&slip.holder);
        self.step(|router, turn| router.ended(turn, &id, slip.source.epoch, slip.lease, ending));
    }

    /// What a collector has of a task: the latest.
    #[track_caller]
    pub(super) fn slip(&self, name: &str, task: &str) -> Slip {
        let slips = self.slips();
        let slip = slips.into_iter().rfind(|slip| slip.holder == name && slip.task == task);
        slip.unwrap_or_else(|| panic!("{name} has no {task}"))
    }

    /// What every process has.
    pub(super) fn slips(&self) -> Vec<Slip> {
        self.slips_after(LeaseId(0))
    }

    /// What processes have been given since this lease, and have.
    pub(super) fn slips_after(&self, after: LeaseId) -> Vec<Slip> {
        let slip = |(id, lease): (&LeaseId, &Lease)| Slip {
            lease: *id,
            holder: lease.holder.clone(),
            source: lease.source.clone(),
            task: lease.task.clone(),
        };
        self.leases.range(LeaseId(after.0 + 1)..).map(slip).collect()
    }

    /// The tasks that a collector has and that are still its own, in order of assignment.
    pub(super) fn has(&self, name: &str) -> Vec<&str> {
        let live = |lease: &&Lease| lease.live && lease.holder == name;
        self.leases.values().filter(live).map(|lease| lease.task.as_str()).collect()
    }

    // === results ===

    /// A collector answers under what it has of a task.
    #[track_caller]
    pub(super) fn offer(&mut self, name: &str, task: &str, json: impl ToString) -> String {
        let slip = self.slip(name, task);
        self.offer_slip(&slip, 0, json)
    }

    /// As [`offer`](Self::offer), under something that a collector had once. The host knows what is fenced.
    #[track_caller]
    pub(super) fn offer_slip(&mut self, slip: &Slip, aggregate: usize, json: impl ToString) -> String {
        self.sequences += 1;
        self.send(slip, aggregate, self.sequences, json)
    }

    /// As [`offer_slip`](Self::offer_slip), before the session has heard that the lease was taken back.
    #[track_caller]
    pub(super) fn offer_unheard(&mut self, slip: &Slip, json: impl ToString) -> String {
        self.unheard = true;
        let text = self.offer_slip(slip, 0, json);
        self.unheard = false;
        text
    }

    /// As [`offer_slip`](Self::offer_slip), with a sequence number that may have been sent before.
    #[track_caller]
    pub(super) fn send(
        &mut self,
        slip: &Slip,
        aggregate: usize,
        sequence: u64,
        json: impl ToString,
    ) -> String {
        let live = self.leases.get(&slip.lease).is_some_and(|lease| lease.live);
        let topic = topic(if aggregate == 0 { "a.x" } else { "b.x" });
        let of = &self.tasks[&slip.task].task;
        let correlation = of.correlation_id.clone();
        let is_awaited = of.into.contains(&aggregate)
            && self.announced.contains_key(&(aggregate, correlation.to_string()));
        let payload = Payload::new(json.to_string().into_bytes().into(), &JSON);
        let mut offered = Offered::new(topic, correlation, sequence, payload);
        offered.lease = Some(slip.lease);
        offered.fenced = !live && !self.unheard;
        let route = self.sets.route(&offered.topic).unwrap();
        // Whoever has gone is read to the end under its own session.
        let gone;
        let session = match self.seats.get(&slip.holder) {
            Some(seat) if seat.session.source().incarnation == slip.source.incarnation => &seat.session,
            _ => {
                gone = ResultAggregator::new(Vec::new(), 1).connected(slip.source.clone());
                &gone
            }
        };
        let mut released = Vec::new();
        let verdict = self.sets.offer(self.now, session, route, &offered, &mut released);
        let is_first = self.sent.insert((slip.source.incarnation, sequence));
        let text = match &verdict {
            Verdict::Accepted { .. } => {
                assert!(live, "{slip:?}: a result of a fenced lease was accepted");
                assert!(is_first, "{slip:?}: {sequence} was accepted twice");
                "accepted".into()
            }
            Verdict::Duplicate => {
                assert!(!is_first, "{slip:?}: {sequence} was never seen");
                "duplicate".into()
            }
            Verdict::Refused(reason) => {
                self.stale += u64::from(*reason == Refusal::StaleEpoch);
                assert!(
                    !(live && is_first && is_awaited),
                    "{slip:?}: the set is open and {reason} was said to its own collector"
                );
                format!("refused {reason}")
            }
            other => format!("{other:?}"),
        };
        self.digest(Vec::new(), released);
        text
    }

    // === time ===

    /// Lets time run until `ms`, waking up at each deadline as a host does.
    pub(super) fn until(&mut self, ms: u64) {
        let end = at(ms).max(self.now);
        let mut woken = 0;
        while let Some(next) = self.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.expire();
            woken += 1;
            assert!(woken < 1_000_000, "a deadline that comes back for ever");
        }
        self.now = end;
        self.expire();
    }

    pub(super) fn next_deadline(&self) -> Option<MonoTime> {
        self.router.next_deadline().into_iter().chain(self.sets.next_deadline()).min()
    }

    /// Does what is due, router first, as a host does.
    pub(super) fn expire(&mut self) {
        self.step(|router, turn| router.expire(turn));
        let mut released = Vec::new();
        self.sets.expire(self.now, &mut released);
        self.digest(Vec::new(), released);
        let overdue = self.announced.iter().find(|(_, until)| **until <= self.now);
        assert!(overdue.is_none(), "{overdue:?} is open at {:?}", self.now);
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.router.close();
    }

    pub(super) fn abandon(&mut self) {
        self.closed = true;
        self.leases.values_mut().for_each(|lease| lease.live = false);
        for part in self.parts.iter_mut().filter(|part| part.end.is_none()) {
            (part.lease, part.end) = (None, Some(End::Failed));
        }
        self.step(|router, turn| router.abandon(turn));
    }

    // === looking ===

    /// What happened since the last look: `p1 <- t` (assigned; from the second attempt on with its number), `p1 x t`
    /// (cancelled), `t: moved p1 -> p2`, `t: failed at p1`, `t: quarantined`, `t: done`, and `set …` for what was
    /// released, at the end of each step.
    pub(super) fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// The sets that were released since the last look at anything.
    pub(super) fn released(&mut self) -> Vec<String> {
        let log = self.log().into_iter();
        log.filter_map(|line| line.strip_prefix("set ").map(str::to_owned)).collect()
    }

    pub(super) fn outcome(&self, task: &str) -> Option<TaskOutcome> {
        self.tasks[task].ended
    }

    pub(super) fn open_sets(&self) -> usize {
        self.sets.status().iter().map(|(_, occupancy)| occupancy.open).sum()
    }

    pub(super) fn waiting(&self) -> usize {
        self.router.status(self.now, 0).queues.iter().map(|queue| queue.waiting).sum()
    }

    // === the books ===

    pub(super) fn step<T>(&mut self, act: impl FnOnce(&mut TaskRouter, &mut Turn<'_>) -> T) -> T {
        let mut released = Vec::new();
        let mut acts = Vec::new();
        let done = act(
            &mut self.router,
            &mut Turn { now: self.now, sets: &self.sets, released: &mut released, acts: &mut acts },
        );
        self.digest(acts, released);
        done
    }

    fn digest(&mut self, acts: Vec<Act>, released: Vec<Released>) {
        for act in acts {
            self.saw(act);
        }
        for released in released {
            self.saw_released(released);
        }
        self.check();
    }

    fn is_current(&self, source: &Source) -> bool {
        let seat = self.seats.get(source.collector.as_str());
        seat.is_some_and(|seat| seat.session.source().epoch == source.epoch)
    }

    fn saw(&mut self, act: Act) {
        match act {
            Act::Assign { collector, epoch, lease, task, capability, attempt } => {
                let name = collector.as_str();
                let seat = self.seats.get(name).expect("a task goes to somebody who is there");
                let source = (**seat.session.source()).clone();
                assert_eq!(source.epoch, epoch);
                assert!(lease > self.last_lease, "a lease is used once");
                self.last_lease = lease;
                assert!(!seat.draining, "{name} leaves");
                assert!(!self.closed, "the host stops");
                let part = self.part(&task.name, capability.as_str(), Some(name));
                assert!(
                    self.fits(part, name),
                    "{name} must not have {} now: {:?}",
                    task.name,
                    self.parts[part]
                );
                let part_of = &mut self.parts[part];
                assert_eq!(part_of.lease, None, "{}: one live lease", task.name);
                part_of.lease = Some(lease);
                part_of.attempts += 1;
                part_of.assigned = self.now;
                assert_eq!(part_of.attempts, attempt);
                self.leases.insert(
                    lease,
                    Lease {
                        holder: name.into(),
                        source,
                        task: task.name.to_string(),
                        capability: capability.to_string(),
                        part,
                        live: true,
                    },
                );
                let mut text = format!("{name} <- {}", task.name);
                if attempt > 1 {
                    write!(text, " ({attempt})").unwrap();
                }
                self.log.push(text);
            }
            Act::Cancel { collector, epoch, lease: id } => {
                let lease = self.leases.get_mut(&id).expect("what is cancelled was assigned");
                assert!(lease.live, "cancelled once");
                assert_eq!((&lease.source.collector, lease.source.epoch), (&collector, epoch));
                lease.live = false;
                let part = &mut self.parts[lease.part];
                part.lease = None;
                part.failed.push(lease.source.incarnation);
                self.log.push(format!("{collector} x {}", lease.task));
                let seat =
                    self.seats.get(collector.as_str()).expect("a cancel goes to somebody who is there");
                assert_eq!(seat.session.source().epoch, epoch);
            }
            Act::Tell(event) => self.heard(event),
            other => panic!("{other:?}"),
        }
    }

    fn heard(&mut self, event: TaskEvent) {
        let name = |id: &Option<CollectorId>| id.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        let line = match event {
            TaskEvent::Redistributed { task, capability, from, to, .. } => {
                let part = self.part(&task.name, capability.as_str(), Some(from.as_str()));
                let holder = self.parts[part].lease.map(|lease| self.leases[&lease].holder.clone());
                assert_eq!(holder.as_deref(), to.as_ref().map(CollectorId::as_str));
                format!("{}: moved {from} -> {}", task.name, name(&to))
            }
            TaskEvent::Finished { task, capability, collector, took } => {
                let part = self.part(&task.name, capability.as_str(), Some(collector.as_str()));
                let part = &mut self.parts[part];
                assert_eq!((part.end, part.finished.take()), (Some(End::Done), None), "finished once");
                assert_eq!(took, self.now.since(part.assigned));
                part.finished = Some(collector.to_string());
                return;
            }
            TaskEvent::Failed { task, capability, collector, .. } => {
                let part =
                    self.part(&task.name, capability.as_str(), collector.as_ref().map(CollectorId::as_str));
                let part = &mut self.parts[part];
                assert_eq!(part.lease, None, "what failed is nobody's");
                assert!(matches!(part.end, None | Some(End::Failed)));
                part.end = Some(End::Failed);
                format!("{}: failed at {}", task.name, name(&collector))
            }
            TaskEvent::Quarantined { task, capability, collector, kills } => {
                let part = self.part(&task.name, capability.as_str(), Some(collector.as_str()));
                let part = &mut self.parts[part];
                assert_eq!((part.lease, part.end, part.kills), (None, None, 3));
                assert_eq!(kills, 3);
                part.end = Some(End::Quarantined);
                format!("{}: quarantined", task.name)
            }
            TaskEvent::Overdue { .. } => return,
            TaskEvent::NotAnnounced { task, .. } => format!("{}: not announced", task.name),
            TaskEvent::Ended { task, outcome, .. } => {
                let known = self.tasks.get_mut(&*task.name).expect("what ends was submitted");
                assert_eq!(known.ended, None, "{} ends once", task.name);
                known.ended = Some(outcome);
                if self.closed {
                    // Nobody is told of each part any more.
                    let open = |part: &&mut Part| *part.task == *task.name && part.end.is_none();
                    self.parts.iter_mut().filter(open).for_each(|part| part.end = Some(End::Failed));
                }
                let parts = || self.parts.iter().filter(|part| *part.task == *task.name);
                let untold = parts().find(|part| (part.end == Some(End::Done)) != part.finished.is_some());
                assert!(untold.is_none(), "who finished it was told before: {untold:?}");
                let ends: Vec<_> = parts().map(|part| part.end).collect();
                assert!(ends.iter().all(Option::is_some), "{} ends with its last part: {ends:?}", task.name);
                let has = |end| ends.contains(&Some(end));
                let right = match (has(End::Quarantined), has(End::Done), has(End::Failed) || known.missing) {
                    (true, ..) => TaskOutcome::Quarantined,
                    (false, _, false) => TaskOutcome::Done,
                    (false, true, true) => TaskOutcome::Partial,
                    (false, false, true) => TaskOutcome::Failed,
                };
                assert_eq!(outcome, right, "{}: {ends:?}", task.name);
                format!("{}: {outcome:?}", task.name).to_lowercase()
            }
            other => panic!("{other:?}"),
        };
        self.log.push(line);
    }

    fn saw_released(&mut self, released: Released) {
        let aggregate = released.aggregate();
        let emission = released.finish(WallTime::from_unix_micros(0));
        let result = &emission.result;
        let correlation = result.correlation_id.to_string();
        if result.revision == 1 {
            self.announced.remove(&(aggregate, correlation.clone()));
        }
        // While a task can still be answered, a set is neither complete nor lost.
        let by_itself = matches!(result.reason, Reason::CollectorsLost | Reason::Completed("expected"));
        if by_itself && result.revision == 1 && !self.closed {
            let of_set = |known: &&Known| {
                known.task.into.contains(&aggregate) && known.task.correlation_id.to_string() == correlation
            };
            for known in self.tasks.values().filter(of_set) {
                let name = &*known.task.name;
                let open = self.parts.iter().any(|part| part.task == name && part.end.is_none());
                assert!(!open, "set {} is {} while {name} is open", correlation, result.reason);
            }
        }
        self.log.push(format!("set {}", line(&emission)));
        emission.settlement.delivered();
    }

    /// The part of a task that this collector is asked for.
    #[track_caller]
    fn part(&self, task: &str, capability: &str, who: Option<&str>) -> usize {
        let is_it = |part: &Part| {
            part.task == task
                && part.capability == capability
                && (part.only.is_none() || part.only.as_deref() == who)
        };
        self.parts.iter().position(is_it).unwrap_or_else(|| panic!("{task}/{capability} of {who:?}"))
    }

    /// Whether a collector may be given a part now: the rules, once more and naively.
    fn fits(&self, part: usize, name: &str) -> bool {
        let part = &self.parts[part];
        let seat = &self.seats[name];
        let Some(concurrency) = seat.capabilities.get(&part.capability) else { return false };
        let mut held = self.leases.values().filter(|lease| lease.holder == name);
        let mut of_capability = held.clone().filter(|lease| lease.capability == part.capability);
        let in_flight = of_capability.clone().count();
        let is_suspect = |part: &Part| part.kills >= 2;
        part.only.as_deref().is_none_or(|only| only == name)
            && part.end.is_none()
            && !part.failed.contains(&seat.session.source().incarnation)
            && (in_flight as u32) < *concurrency
            && !seat.draining
            && of_capability.all(|lease| lease.live)
            && !(is_suspect(part) && held.any(|lease| is_suspect(&self.parts[lease.part])))
    }

    #[track_caller]
    pub(super) fn check(&self) {
        let counters = self.router.counters();
        assert!(counters.add_up(), "{counters:?}");
        let ended = |outcome| self.tasks.values().filter(|known| known.ended == Some(outcome)).count() as u64;
        assert_eq!(counters.submitted, self.tasks.len() as u64, "{counters:?}");
        assert_eq!(counters.done, ended(TaskOutcome::Done), "{counters:?}");
        assert_eq!(counters.partial, ended(TaskOutcome::Partial), "{counters:?}");
        assert_eq!(counters.failed, ended(TaskOutcome::Failed), "{counters:?}");
        assert_eq!(counters.quarantined, ended(TaskOutcome::Quarantined), "{counters:?}");
        let results = self.sets.counters();
        assert_eq!(results.received, results.accounted(), "{results:?}");
        assert_eq!(results.plugin_panics, 0, "{results:?}");
        assert_eq!(results.refused.get("stale-epoch").copied().unwrap_or(0), self.stale);

        let status = self.router.status(self.now, usize::MAX);
        assert_eq!(status.in_flight, self.leases.len());
        let live: BTreeSet<_> = self.leases.iter().filter(|(_, l)| l.live).map(|(id, _)| *id).collect();
        assert_eq!(status.leases.iter().map(|lease| lease.lease).collect::<BTreeSet<_>>(), live);
        let waits = |part: &&Part| part.lease.is_none() && part.end.is_none();
        if self.closed {
            return;
        }
        let queued: usize = status.queues.iter().map(|queue| queue.waiting).sum();
        assert_eq!(queued, self.parts.iter().filter(waits).count(), "everything that is nobody's waits");
        if self.router.next_deadline().is_some_and(|due| due <= self.now) {
            return;
        }
        for (index, part) in self.parts.iter().enumerate().filter(|(_, part)| waits(part)) {
            for name in self.seats.keys().filter(|name| self.fits(index, name)) {
                let seat = &status.collectors[&collector(name)];
                let held_back = seat.ejected || seat.slow_start;
                assert!(held_back, "{}/{} waits and {name} is free", part.task, part.capability);
            }
        }
    }

    /// Everything that was submitted has ended, nothing is waited for.
    #[track_caller]
    pub(super) fn check_empty(&self) {
        self.check();
        let status = self.router.status(self.now, usize::MAX);
        assert_eq!(status.counters.open, 0, "{status:?}");
        assert!(
            status.leases.is_empty() && status.queues.iter().all(|queue| queue.waiting == 0),
            "{status:?}"
        );
        assert_eq!(self.announced.len(), 0, "{:?}", self.announced);
        assert_eq!(self.open_sets(), 0);
    }
}
