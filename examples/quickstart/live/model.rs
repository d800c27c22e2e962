//! What is known. The host, the callback and the log add to it; nothing here knows a terminal or a clock.

use std::collections::VecDeque;
use std::time::Duration;

use stook::Event;
use stook::config::{Config, TaskConfig};
use stook_examples::detect::Finding;
use stook_types::{FanOut, Outcome, Value};

use super::machine::Machine;
use super::progress::{Part, Progress, State};
use crate::ledger::{Counts, News};
use crate::news::{told, told_of};

/// All that the view is made from. Times are counted from its start.
#[derive(Default)]
pub(super) struct Model {
    pub(super) host: String,
    pub(super) seed: Option<u64>,
    /// The host listens: from then on there is something to see.
    pub(super) listens: bool,
    /// What is being done about the end.
    pub(super) ending: Option<&'static str>,
    pub(super) machine: Machine,
    plans: Vec<Plan>,
    /// Tasks that have begun and whose set has not come.
    pub(super) running: VecDeque<Progress>,
    /// The last one that has come.
    pub(super) last: Option<Progress>,
    /// The newest first.
    pub(super) scans: VecDeque<Scan>,
    pub(super) complete: u64,
    pub(super) partial: u64,
    /// The newest first, those of one scan in its order.
    pub(super) findings: Vec<Found>,
    /// The newest first.
    pub(super) news: VecDeque<(&'static str, String)>,
    pub(super) counts: Option<Counts>,
}

/// What a task is about.
struct Plan {
    task: String,
    capabilities: Vec<String>,
    fan_out: FanOut,
    has_sets: bool,
}

/// A released set.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// Its number, from 1.
    pub(crate) number: u64,
    pub(crate) correlation: String,
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    /// From its first result to its release.
    pub(crate) latency: Duration,
    /// Rows of its value, where that is a list.
    pub(crate) rows: Option<usize>,
    /// Who is missing, and why.
    pub(crate) missing: Vec<(String, String)>,
    pub(crate) findings: Vec<Finding>,
}

/// What a detector has found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) finding: Finding,
    /// The last scan that showed it.
    last: u64,
}

/// Of each list, as much as is kept.
const KEPT: usize = 64;

impl Model {
    pub(super) fn new(config: &Config, seed: Option<u64>) -> Self {
        let plan = |task: &TaskConfig| Plan {
            task: task.name.to_string(),
            capabilities: task.capabilities.iter().map(ToString::to_string).collect(),
            fan_out: task.fan_out.clone(),
            has_sets: !task.into.is_empty(),
        };
        let plans = config.tasks.iter().map(plan).collect();
        Self { host: config.host.name.clone(), seed, plans, ..Self::default() }
    }

    /// The host tells something. Where there is chaos, that tells the news.
    pub(super) fn hear(&mut self, now: Duration, event: &Event) {
        match event {
            Event::Listening => self.listens = true,
            Event::TaskAssigned { task, task_id, correlation_id, .. } => {
                self.begun(now, task, *task_id, correlation_id.to_string());
            }
            _ => {}
        }
        self.running.iter_mut().for_each(|task| task.hear(now, event));
        if let Event::TaskEnded { task_id, .. } = event
            && let Some(place) = self.running.iter().position(|task| task.id == *task_id)
            && !self.has_sets(&self.running[place].task)
        {
            self.last = self.running.remove(place);
        }
        // What ends now does so because it was asked to.
        if let (None, None, Some((label, text))) = (self.seed, self.ending, told_of(event)) {
            self.tell(label, text);
        }
    }

    fn begun(&mut self, now: Duration, task: &str, id: stook_types::TaskId, correlation: String) {
        // A part that is given to somebody after its set has come makes no difference any more.
        let is_over = self.scans.iter().any(|scan| scan.correlation == correlation);
        if is_over || self.running.iter().any(|running| running.id == id) {
            return;
        }
        let plan = self.plans.iter().find(|plan| plan.task == task);
        // Each part goes to somebody in the end, and is known before.
        let parts = plan.filter(|plan| plan.fan_out == FanOut::One).map(|plan| plan.capabilities.clone());
        let waits = |capability| Part { capability, collector: None, state: State::Waits };
        let parts = parts.unwrap_or_default().into_iter().map(waits).collect();
        let task = task.to_owned();
        self.running.push_back(Progress { task, id, correlation, began: now, parts, ended: None });
        if self.running.len() > KEPT {
            self.running.pop_front();
        }
    }

    fn has_sets(&self, task: &str) -> bool {
        self.plans.iter().any(|plan| plan.task == task && plan.has_sets)
    }

    /// Those of a task that everybody is asked for, and who were given nothing of it yet.
    pub(super) fn queued<'a>(&'a self, progress: &'a Progress) -> impl Iterator<Item = (&'a str, &'a str)> {
        let plan = self.plans.iter().find(|plan| plan.task == progress.task);
        let plan = plan.filter(|_| progress.ended.is_none());
        let asked = plan.into_iter().flat_map(move |plan| {
            let is_asked = |id: &str| match &plan.fan_out {
                FanOut::One => false,
                FanOut::Each => true,
                FanOut::Ids(ids) => ids.iter().any(|asked| asked.as_str() == id),
            };
            let seats =
                self.machine.collectors.iter().filter(move |seat| seat.is_connected() && is_asked(&seat.id));
            let skills =
                seats.flat_map(|seat| seat.capabilities.iter().map(|skill| (&*seat.id, &*skill.name)));
            skills.filter(|(_, skill)| plan.capabilities.iter().any(|asked| asked == skill))
        });
        let has = |id: &str, skill: &str| {
            let is_it = |part: &&Part| part.collector.as_deref() == Some(id) && part.capability == skill;
            progress.parts.iter().any(|part| is_it(&part))
        };
        asked.filter(move |(id, skill)| !has(id, skill))
    }

    /// A set was released.
    pub(super) fn take(&mut self, now: Duration, scan: Scan) {
        match scan.outcome {
            Outcome::Complete => self.complete += 1,
            Outcome::Partial => self.partial += 1,
        }
        if let Some(place) = self.running.iter().position(|task| task.correlation == scan.correlation)
            && let Some(mut task) = self.running.remove(place)
        {
            task.ended.get_or_insert(now);
            self.last = Some(task);
        }
        self.find(&scan);
        self.scans.push_front(scan);
        self.scans.truncate(KEPT);
    }

    /// What a complete scan does not show any more is over, and that is told: nothing goes without a word. A partial one may
    /// not have seen it.
    fn find(&mut self, scan: &Scan) {
        let number = scan.number;
        let is_it = |found: &Found, finding: &Finding| {
            (found.finding.pid, found.finding.rule) == (finding.pid, finding.rule)
        };
        for found in &mut self.findings {
            if let Some(again) = scan.findings.iter().find(|finding| is_it(found, finding)) {
                (found.finding, found.last) = (again.clone(), number);
            }
        }
        if scan.outcome == Outcome::Complete {
            let (there, over): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.findings).into_iter().partition(|found| found.last == number);
            self.findings = there;
            for Found { finding, .. } in over {
                self.tell("over", format!("{}: {}", finding.rule, finding.text));
            }
        }
        let new =
            scan.findings.iter().filter(|finding| !self.findings.iter().any(|found| is_it(found, finding)));
        let new: Vec<_> = new.map(|finding| Found { finding: finding.clone(), last: number }).collect();
        self.findings.splice(..0, new);
        self.findings.truncate(KEPT);
    }

    /// How the host stands.
    pub(super) fn look(&mut self, status: &Value) {
        self.machine = Machine::of(status);
    }

    /// What chaos did, and what came of it.
    pub(super) fn count(&mut self, counts: Counts, news: Vec<News>) {
        self.counts = Some(counts);
        for (label, text) in news.iter().map(told) {
            self.tell(label, text);
        }
    }

    pub(super) fn tell(&mut self, label: &'static str, text: String) {
        self.news.push_front((label, text));
        self.news.truncate(KEPT);
    }

    /// Nothing was lost so far, as far as that can be said while things go on.
    pub(super) fn lost(&self) -> Vec<String> {
        let mut lost: Vec<_> =
            self.machine.lost.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        if let Some(counts) = &self.counts {
            let counted = [
                (counts.undone, "tasks not done"),
                (counts.unassigned, "tasks not taken"),
                (counts.unexplained, "partial sets without an honest reason"),
                (counts.ended_by_themselves, "collectors ended by themselves"),
            ];
            lost.extend(
                counted
                    .into_iter()
                    .filter(|(count, _)| *count > 0)
                    .map(|(count, what)| format!("{count} {what}")),
            );
        }
        lost
    }
}
