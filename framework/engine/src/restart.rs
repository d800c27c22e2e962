//! Whether and when a collector that has ended is started again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use stook_plugin::{Draw, Ending, Exit, REMEMBERED, Restart, RestartPolicy, SETTLED};
use stook_types::{CollectorId, MonoTime};

use crate::bucket::Bucket;
use crate::guard::guarded;

/// Which of the restart policies decides; the first is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RestartId(pub usize);

impl RestartId {
    /// The engine's own rule: nobody is started again.
    pub const BUILT_IN: Self = Self(usize::MAX);
}

/// A restart policy with the name that is logged when it misbehaves.
pub struct NamedRestart {
    /// The plugin's name.
    pub name: &'static str,
    /// The policy.
    pub policy: Box<dyn RestartPolicy>,
}

/// The lives of the collectors that the host starts: from start to registration, service, end, and start again.
///
/// Every start goes through one bucket, so that many that die together do not start together.
pub struct Restarts {
    policies: Vec<NamedRestart>,
    draw: Draw,
    bucket: Bucket,
    registration: Duration,
    lives: BTreeMap<CollectorId, Life>,
    misbehaved: BTreeMap<&'static str, u64>,
}

/// How it stands with a collector that the host starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifeState {
    /// It is to be started, at this time or when the bucket allows.
    Due(MonoTime),
    /// It was started, and has until then to register.
    Starting {
        /// The end of its time.
        until: MonoTime,
    },
    /// It is in service.
    Serving {
        /// Since when.
        since: MonoTime,
    },
    /// It has ended, and is not started again.
    Left,
    /// It ended again and again.
    Quarantined {
        /// In what way, a fragment like `5 restarts within 60s`.
        why: String,
        /// When it is tried once more.
        probe: MonoTime,
    },
}

/// One collector's life, to be looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LifeStatus {
    /// How it stands.
    pub state: LifeState,
    /// How often it was started again.
    pub restarts: u64,
    /// Starts in a row that did not lead to service worth the name.
    pub failures: u32,
}

struct Life {
    policy: RestartId,
    state: LifeState,
    /// When this process was in service first.
    since: Option<MonoTime>,
    /// Whether it was ever started.
    started: bool,
    /// Somebody wants it: its next start is not one of a series.
    wanted: bool,
    /// When it was started again, the last times.
    history: VecDeque<MonoTime>,
    restarts: u64,
    failures: u32,
    /// Probes in a row that failed.
    probes: u32,
}

/// How long the first probe of a quarantined collector is put off; twice as long for each that failed, …
const PROBE: Duration = Duration::from_secs(60);
/// … up to this many times.
const PROBES: u32 = 5;
/// When a policy panics.
const FALLBACK: Duration = Duration::from_secs(1);

impl Restarts {
    /// Lives under these policies. Without any, nobody is started again. `seed` determines their random choices; a child
    /// has `registration` to register.
    pub fn new(policies: Vec<NamedRestart>, seed: u64, registration: Duration) -> Self {
        Self {
            policies,
            draw: Draw::new(seed),
            bucket: Bucket::new(),
            registration,
            lives: BTreeMap::new(),
            misbehaved: BTreeMap::new(),
        }
    }

    /// Enters a collector, which is due now.
    pub fn add(&mut self, now: MonoTime, collector: CollectorId, policy: RestartId) {
        let life = Life {
            policy,
            state: LifeState::Due(now),
            since: None,
            started: false,
            wanted: true,
            history: VecDeque::new(),
            restarts: 0,
            failures: 0,
            probes: 0,
        };
        self.lives.insert(collector, life);
    }

    /// When there is something to do next: a start that is due, or a registration that is not.
    pub fn next_deadline(&self, now: MonoTime) -> Option<MonoTime> {
        let due = |life: &Life| match life.state {
            LifeState::Due(at) | LifeState::Quarantined { probe: at, .. } => {
                Some(if life.wanted { at } else { at.max(self.bucket.next(now)) })
            }
            LifeState::Starting { until } => Some(until),
            LifeState::Serving { .. } | LifeState::Left => None,
        };
        self.lives.values().filter_map(due).min()
    }

    /// Who is to be started now. Starts that somebody wants go first, and neither wait for the bucket nor are counted
    /// against it.
    pub fn take_due(&mut self, now: MonoTime) -> Vec<CollectorId> {
        let mut due: Vec<_> = self
            .lives
            .iter()
            .filter_map(|(id, life)| match life.state {
                LifeState::Due(at) | LifeState::Quarantined { probe: at, .. } if at <= now => {
                    Some((!life.wanted, at, id.clone()))
                }
                _ => None,
            })
            .collect();
        due.sort();
        let mut start = Vec::new();
        for (_, _, id) in due {
            let Some(life) = self.lives.get_mut(&id) else { continue };
            let wanted = std::mem::take(&mut life.wanted);
            if !wanted && !self.bucket.take(now) {
                break;
            }
            life.restarts += u64::from(std::mem::replace(&mut life.started, true));
            if !wanted {
                if life.history.len() == REMEMBERED {
                    life.history.pop_front();
                }
                life.history.push_back(now);
            }
            life.state = LifeState::Starting { until: now + self.registration };
            start.push(id);
        }
        start
    }

    /// Who was started and did not register in time. Each is given once: it is to be killed.
    pub fn take_overdue(&mut self, now: MonoTime) -> Vec<CollectorId> {
        let overdue = |life: &Life| matches!(life.state, LifeState::Starting { until } if until <= now);
        let ids: Vec<_> =
            self.lives.iter().filter(|(_, life)| overdue(life)).map(|(id, _)| id.clone()).collect();
        for id in &ids {
            // Its end will be told.
            self.lives.entry(id.clone()).and_modify(|life| life.state = LifeState::Left);
        }
        ids
    }

    /// A collector is in service.
    pub fn registered(&mut self, now: MonoTime, collector: &CollectorId) {
        if let Some(life) = self.lives.get_mut(collector) {
            life.state = LifeState::Serving { since: *life.since.get_or_insert(now) };
            // Whoever wanted it has it, also if it ran already.
            life.wanted = false;
        }
    }

    /// The session of a child has ended, and its process has not, as far as is known: it has the time of a start to come
    /// back.
    pub fn disconnected(&mut self, now: MonoTime, collector: &CollectorId) {
        let until = now + self.registration;
        if let Some(life) = self.lives.get_mut(collector)
            && matches!(life.state, LifeState::Serving { .. })
        {
            life.state = LifeState::Starting { until };
        }
    }

    /// A child has ended that nobody asked to. `hopeless`: no start can help, and it says why.
    pub fn ended(
        &mut self,
        now: MonoTime,
        collector: &CollectorId,
        how: Exit,
        hopeless: Option<String>,
    ) -> Option<&LifeState> {
        let life = self.lives.get_mut(collector)?;
        let served = life.since.take().map(|since| now.since(since));
        let settled = served.is_some_and(|served| served >= SETTLED);
        life.failures = if settled { 1 } else { life.failures.saturating_add(1) };
        let was_probed = life.probes > 0;
        if settled {
            life.probes = 0;
        }
        let restarts: Vec<_> = life.history.iter().copied().collect();
        let mut ending = Ending::new(how, now);
        (ending.served, ending.restarts, ending.failures) = (served, &restarts, life.failures);
        let decision = match (hopeless, self.policies.get(life.policy.0)) {
            (Some(why), _) => Restart::GiveUp(why),
            (None, None) => Restart::Leave,
            (None, Some(NamedRestart { name, policy })) => guarded(|| policy.decide(&ending, &mut self.draw))
                .unwrap_or_else(|| {
                    *self.misbehaved.entry(name).or_default() += 1;
                    Restart::After(FALLBACK)
                }),
        };
        life.state = match decision {
            // A probe that failed: it was no better than before.
            Restart::After(_) if was_probed && !settled => {
                life.quarantined(now, "it failed again when it was tried once more".into())
            }
            Restart::After(delay) => LifeState::Due(now + delay),
            Restart::GiveUp(why) => life.quarantined(now, why),
            _ => LifeState::Left,
        };
        Some(&life.state)
    }

    /// Somebody wants a collector started now, whatever it did before: all of that is forgotten. False if the host
    /// does not start it.
    pub fn reset(&mut self, now: MonoTime, collector: &CollectorId) -> bool {
        let Some(life) = self.lives.get_mut(collector) else { return false };
        life.history.clear();
        (life.wanted, life.failures, life.probes) = (true, 0, 0);
        (life.state, life.since) = (LifeState::Due(now), None);
        // Its past is forgotten, its number of restarts is not.
        true
    }

    /// How it stands with a collector; `None` if the host does not start it.
    pub fn status(&self, collector: &CollectorId) -> Option<LifeStatus> {
        let life = self.lives.get(collector)?;
        Some(LifeStatus { state: life.state.clone(), restarts: life.restarts, failures: life.failures })
    }

    /// How often each policy panicked.
    pub fn misbehaved(&self) -> &BTreeMap<&'static str, u64> {
        &self.misbehaved
    }
}

impl Life {
    fn quarantined(&mut self, now: MonoTime, why: String) -> LifeState {
        let probe = now + PROBE * 2_u32.pow(self.probes.min(PROBES));
        self.probes = self.probes.saturating_add(1);
        LifeState::Quarantined { why, probe }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    fn id(text: &str) -> CollectorId {
        CollectorId::new(text).unwrap()
    }

    struct Says(Restart);

    impl RestartPolicy for Says {
        fn decide(&self, ending: &Ending<'_>, _: &mut Draw) -> Restart {
            if ending.how == Exit::Silent {
                panic!("as it was told");
            }
            if ending.restarts_within(Duration::from_secs(60)) >= 3 {
                return Restart::GiveUp("3 restarts within 60s".into());
            }
            self.0.clone()
        }
    }

    fn lives(says: Restart, ids: &[&str]) -> Restarts {
        let mut restarts = Restarts::new(
            vec![NamedRestart { name: "says", policy: Box::new(Says(says)) }],
            1,
            Duration::from_secs(30),
        );
        ids.iter().for_each(|name| restarts.add(at(0), id(name), RestartId(0)));
        restarts
    }

    #[test]
    fn a_crash_loop_is_quarantined_probed_and_reset() {
        let mut restarts = lives(Restart::After(Duration::from_millis(100)), &["p"]);
        let mut now = 0;
        for _ in 0..3 {
            assert_eq!(restarts.take_due(at(now)), [id("p")]);
            assert_eq!(
                restarts.ended(at(now), &id("p"), Exit::Failure, None),
                Some(&LifeState::Due(at(now + 100)))
            );
            assert_eq!(restarts.take_due(at(now + 99)), []);
            now += 100;
        }
        assert_eq!(restarts.take_due(at(now)), [id("p")]);
        let quarantined = |restarts: &mut Restarts, now, why: &str, probe| {
            let state = LifeState::Quarantined { why: why.into(), probe: at(probe) };
            assert_eq!(restarts.ended(at(now), &id("p"), Exit::Failure, None), Some(&state));
            assert_eq!(restarts.next_deadline(at(now)), Some(at(probe)));
        };
        quarantined(&mut restarts, 300, "3 restarts within 60s", 60_300);
        assert_eq!(restarts.take_due(at(60_299)), []);
        assert_eq!(restarts.take_due(at(60_300)), [id("p")]);
        // By now the policy would start it again; but it was a probe, and the next is later.
        quarantined(&mut restarts, 60_301, "it failed again when it was tried once more", 180_301);
        assert!(restarts.reset(at(70_000), &id("p")));
        assert_eq!(restarts.take_due(at(70_000)), [id("p")]);
        assert_eq!(
            restarts.ended(at(70_001), &id("p"), Exit::Failure, None),
            Some(&LifeState::Due(at(70_101)))
        );
        assert!(!restarts.reset(at(0), &id("other")));
    }

    #[test]
    fn a_child_that_loses_its_session_has_the_time_of_a_start_to_come_back() {
        let mut restarts = lives(Restart::After(Duration::ZERO), &["p"]);
        restarts.take_due(at(0));
        restarts.disconnected(at(1), &id("p"));
        assert_eq!(restarts.next_deadline(at(1)), Some(at(30_000)), "it has none to lose");
        restarts.registered(at(1_000), &id("p"));
        restarts.disconnected(at(20_000), &id("p"));
        assert_eq!(restarts.next_deadline(at(20_000)), Some(at(50_000)));
        restarts.registered(at(20_100), &id("p"));
        restarts.disconnected(at(40_000), &id("p"));
        assert_eq!(restarts.take_overdue(at(70_000)), [id("p")]);
        // It served all the while.
        restarts.ended(at(70_001), &id("p"), Exit::NotRegistered, None);
        assert_eq!(restarts.status(&id("p")).unwrap().failures, 1);
    }

    #[test]
    fn service_makes_good_and_a_probe_that_serves_is_no_probe() {
        let mut restarts = lives(Restart::After(Duration::ZERO), &["p"]);
        restarts.take_due(at(0));
        restarts.ended(at(1), &id("p"), Exit::NotStarted, Some("no such file".into()));
        assert!(matches!(restarts.status(&id("p")).unwrap().state, LifeState::Quarantined { .. }));
        assert_eq!(restarts.take_due(at(60_001)), [id("p")]);
        restarts.registered(at(60_100), &id("p"));
        assert_eq!(restarts.next_deadline(at(60_100)), None);
        assert_eq!(
            restarts.ended(at(70_100), &id("p"), Exit::Failure, None),
            Some(&LifeState::Due(at(70_100)))
        );
        assert_eq!(restarts.status(&id("p")).unwrap().failures, 1);
    }

    #[test]
    fn a_start_that_somebody_asked_for_counts_like_any_other() {
        let mut restarts = lives(Restart::Leave, &["p"]);
        restarts.take_due(at(0));
        restarts.registered(at(1), &id("p"));
        for count in 1..=2 {
            assert!(restarts.reset(at(10 * count), &id("p")));
            assert_eq!(restarts.take_due(at(10 * count)), [id("p")]);
            assert_eq!(restarts.status(&id("p")).unwrap().restarts, count);
        }
    }

    #[test]
    fn those_who_die_together_start_one_after_the_other() {
        let names: Vec<_> = (0..20).map(|n| format!("p{n:02}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut restarts = lives(Restart::After(Duration::ZERO), &names);
        assert_eq!(restarts.take_due(at(0)).len(), 20, "first starts do not wait");
        for name in &names {
            restarts.ended(at(1_000), &id(name), Exit::Failure, None);
        }
        let mut started = Vec::new();
        let mut now = at(1_000);
        while let Some(next) = restarts.next_deadline(now).filter(|next| *next < at(20_000)) {
            now = next.max(now);
            let due = restarts.take_due(now);
            assert!(!due.is_empty(), "no busy loop");
            started.extend(due.into_iter().map(|id| (now, id)));
        }
        assert_eq!(started.len(), 20);
        assert_eq!(started.iter().filter(|(when, _)| *when == at(1_000)).count(), 8);
        assert_eq!(started.last().map(|(when, _)| *when), Some(at(1_000 + 12 * 250)));
    }

    #[test]
    fn a_start_that_somebody_wants_does_not_wait_for_those_that_wait_for_the_bucket() {
        let names: Vec<_> = (0..40).map(|n| format!("p{n:02}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut restarts = lives(Restart::After(Duration::ZERO), &names);
        restarts.take_due(at(0));
        for name in &names {
            restarts.ended(at(1_000), &id(name), Exit::Failure, None);
        }
        assert_eq!(restarts.take_due(at(1_000)).len(), 8);
        assert_eq!(restarts.next_deadline(at(1_001)), Some(at(1_250)));
        restarts.reset(at(1_001), &id("p39"));
        restarts.add(at(1_002), id("q"), RestartId(0));
        assert_eq!(restarts.next_deadline(at(1_001)), Some(at(1_001)));
        assert_eq!(restarts.take_due(at(1_002)), [id("p39"), id("q")]);
        assert_eq!(restarts.take_due(at(1_249)), []);
        assert_eq!(restarts.take_due(at(1_250)).len(), 1);
    }

    #[test]
    fn one_that_ran_already_is_started_again_like_any_other() {
        let mut restarts = lives(Restart::After(Duration::ZERO), &["p"]);
        restarts.registered(at(0), &id("p"));
        for _ in 0..4 {
            restarts.ended(at(1), &id("p"), Exit::Failure, None);
            restarts.take_due(at(1));
        }
        assert!(matches!(restarts.status(&id("p")).unwrap().state, LifeState::Quarantined { .. }));
    }

    #[test]
    fn a_policy_may_put_a_start_off_to_the_end_of_time() {
        let mut restarts = lives(Restart::After(Duration::MAX), &["p"]);
        restarts.take_due(at(0));
        let never = MonoTime::at(Duration::MAX);
        assert_eq!(restarts.ended(at(1), &id("p"), Exit::Failure, None), Some(&LifeState::Due(never)));
        assert_eq!(restarts.next_deadline(at(1)), Some(never));
        assert_eq!(restarts.take_due(at(2)), []);
    }

    #[test]
    fn who_does_not_register_is_given_once_and_a_panic_means_a_second() {
        let mut restarts = lives(Restart::Leave, &["p"]);
        restarts.take_due(at(0));
        assert_eq!(restarts.next_deadline(at(0)), Some(at(30_000)));
        assert_eq!(restarts.take_overdue(at(29_999)), []);
        assert_eq!(restarts.take_overdue(at(30_000)), [id("p")]);
        assert_eq!(restarts.take_overdue(at(30_000)), []);
        assert_eq!(
            restarts.ended(at(30_001), &id("p"), Exit::Silent, None),
            Some(&LifeState::Due(at(31_001)))
        );
        assert_eq!(restarts.misbehaved().get("says"), Some(&1));
        assert_eq!(restarts.ended(at(30_001), &id("p"), Exit::NotRegistered, None), Some(&LifeState::Left));
    }
}
