//! What `--chaos` prints at the end: where everything went, and whether it adds up.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use stook::{CounterSnapshot, TaskOutcome};
use stook_types::Value;

use crate::ledger::Counts;

/// A label and what there is to say.
type Line = (&'static str, String);

/// All numbers at the end of a run.
pub(crate) struct Verdict<'a> {
    pub(crate) seed: u64,
    pub(crate) took: Duration,
    /// [`Handle::status`](stook::Handle::status), when nothing was open any more.
    pub(crate) status: &'a Value,
    /// Of the host's whole life.
    pub(crate) results: &'a CounterSnapshot,
    pub(crate) counts: &'a Counts,
}

impl Verdict<'_> {
    /// In full. The last lines say what was lost.
    pub(crate) fn text(&self) -> String {
        let mut lines = self.collectors();
        lines.push(("tasks", self.all_tasks()));
        lines.extend(self.all_results());
        lines.extend(self.sets());
        lines.extend(self.notes());
        let wrong = self.wrong();
        if wrong.is_empty() {
            lines.push(("lost", "nothing".to_owned()));
        }
        lines.extend(wrong.into_iter().map(|wrong| ("LOST", wrong)));

        let mut text = format!("chaos     seed {}, {:.1?}\n", self.seed, self.took);
        for (label, what) in lines {
            let _ = writeln!(text, "  {label:<7}  {what}"); // into a string: cannot fail
        }
        text
    }

    fn collectors(&self) -> Vec<Line> {
        let Counts { kills, stops, ended, ended_by_kill, ended_by_themselves, given_up, .. } = self.counts;
        let (went_on, silent) = (stops.saturating_sub(*given_up), given_up + self.counts.silent_unasked);
        let struck = format!(
            "{kills} killed, {stops} stopped: {went_on} of these went on in time, {given_up} were given up as silent"
        );
        let restarts = self.restarts();
        let ended = format!(
            "{ended} collectors = {ended_by_kill} killed + {silent} given up + {ended_by_themselves} by themselves; \
             {restarts} started again"
        );
        let moved = format!("{} tasks to other collectors{}", self.counts.redistributed, self.moved_after());
        vec![("struck", struck), ("ended", ended), ("moved", moved)]
    }

    fn all_tasks(&self) -> String {
        let [submitted, done, partial, failed, quarantined, open] =
            ["submitted", "done", "partial", "failed", "quarantined", "open"].map(|what| self.tasks(what));
        format!(
            "{submitted} submitted = {done} done + {partial} partial + {failed} failed + {quarantined} quarantined \
             + {open} open"
        )
    }

    fn all_results(&self) -> Vec<Line> {
        let CounterSnapshot { received, delivered, duplicate, late, pending, .. } = self.results;
        let [refused, discarded] =
            [&self.results.refused, &self.results.discarded].map(|counts| counts.values().sum::<u64>());
        let all = format!(
            "{received} received = {delivered} delivered + {duplicate} duplicate + {late} late + {refused} refused \
             + {discarded} discarded + {pending} pending"
        );
        let why = self.results.refused.iter().chain(&self.results.discarded).map(|(reason, count)| {
            let why = match *reason {
                STALE => ": from collectors whose task others had by then",
                _ => "",
            };
            ("", format!("{count} {reason}{why}"))
        });
        [("results", all)].into_iter().chain(why).collect()
    }

    fn sets(&self) -> Vec<Line> {
        let (released, complete, partial) =
            (self.results.released, self.counts.complete, self.counts.partials());
        let mut lines =
            vec![("sets", format!("{released} released = {complete} complete + {partial} partial"))];
        if partial > 0 {
            lines.push(("partial", listed(&self.counts.partial)));
        }
        let missing = self.counts.missing.iter();
        lines.extend(missing.map(|(collector, why)| ("missing", format!("{collector}: {}", listed(why)))));
        lines
    }

    fn notes(&self) -> Vec<Line> {
        let Counts { silent_unasked, cut_short, .. } = self.counts;
        let notes = [
            (*silent_unasked, "given up as silent though nobody stopped them"),
            (*cut_short, "tasks had begun when the host was told to stop"),
        ];
        let notes = notes.into_iter().filter(|(count, _)| *count > 0);
        notes.map(|(count, what)| ("note", format!("{count} {what}"))).collect()
    }

    /// What was lost, or does not add up. What a collector did not answer that everybody was asked for is not lost where
    /// its set says so: who is missing, and why.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let Self { counts, results, .. } = self;
        let mut wrong = Vec::new();
        let mut check = |is_right: bool, what: String| {
            if !is_right {
                wrong.push(what);
            }
        };
        let ended = ["done", "partial", "failed", "quarantined"];
        let sum: u64 = ended.iter().map(|outcome| self.tasks(outcome)).sum();
        check(self.tasks("submitted") == sum + self.tasks("open"), "tasks do not add up".to_owned());
        check(self.tasks("open") == 0, format!("{} tasks have not ended", self.tasks("open")));
        for outcome in
            [TaskOutcome::Done, TaskOutcome::Partial, TaskOutcome::Failed, TaskOutcome::Quarantined]
        {
            let (host, told) = (self.tasks(outcome.as_str()), counts.tasks(outcome));
            // What is open may end while the host is asked.
            check(
                host == told || self.tasks("open") > 0,
                format!("the host counts {host} tasks as {outcome}, and told of {told}"),
            );
        }
        check(counts.undone == 0, format!("{} tasks that anybody may run were not done", counts.undone));
        check(counts.unassigned == 0, format!("{} tasks were not taken", counts.unassigned));
        check(self.tasks("redistributed") == counts.redistributed, "moved tasks do not add up".to_owned());

        check(results.received == results.accounted(), "results do not add up".to_owned());
        check(results.pending == 0, format!("{} results are pending", results.pending));
        for (reason, count) in results.refused.iter().filter(|(reason, _)| **reason != STALE) {
            check(false, format!("{count} results were refused: {reason}"));
        }
        for (reason, count) in &results.discarded {
            check(false, format!("{count} results were discarded: {reason}"));
        }

        let sets = counts.complete + counts.partials();
        check(results.released == sets, format!("{} sets were released, and {sets} came", results.released));
        check(counts.unanswered == 0, format!("{} tasks have no set", counts.unanswered));
        check(counts.unexplained == 0, format!("{} partial sets have no honest reason", counts.unexplained));

        let (ended, restarts) = (counts.ended, self.restarts());
        check(ended == restarts, format!("{ended} collectors have ended, and {restarts} were started again"));
        check(restarts == counts.restarted, format!("{} of {restarts} have come back", counts.restarted));
        check(
            counts.ended_by_themselves == 0,
            format!("{} collectors ended by themselves", counts.ended_by_themselves),
        );
        for (id, state) in self.absent() {
            check(false, format!("{id} is {state}"));
        }
        wrong
    }

    fn tasks(&self, what: &str) -> u64 {
        let count = self.status.at(&["tasks", what]).and_then(Value::as_int).unwrap_or_default();
        u64::try_from(count).unwrap_or_default()
    }

    fn restarts(&self) -> u64 {
        let restarts = collectors(self.status).filter_map(|one| one.at(&["restarts"])?.as_int());
        restarts.filter_map(|restarts| u64::try_from(restarts).ok()).sum()
    }

    /// Who is not connected, and what it does instead.
    fn absent(&self) -> Vec<(String, String)> {
        let text =
            |one: &Value, field: &str| one.at(&[field]).and_then(Value::as_str).unwrap_or("?").to_owned();
        let all = collectors(self.status).map(|one| (text(one, "id"), text(one, "state")));
        all.filter(|(_, state)| state != "connected").collect()
    }

    fn moved_after(&self) -> String {
        let mut times = self.counts.moved_after.clone();
        times.sort_unstable();
        match (times.get(times.len() / 2), times.last()) {
            (Some(median), Some(longest)) => {
                format!(", after a kill within {median:.1?} (median), {longest:.1?} (longest)")
            }
            _ => String::new(),
        }
    }
}

fn listed(counts: &BTreeMap<&str, u64>) -> String {
    let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    counts.join(", ")
}

/// The word for a result that was recorded under an assignment that had been taken back.
const STALE: &str = "stale-epoch";

/// Whether nothing is under way: no task, no result, and everybody is there.
pub(crate) fn is_quiet(status: &Value) -> bool {
    let is_zero = |path: [&str; 2]| status.at(&path).and_then(Value::as_int) == Some(0);
    let is_there = |one: &Value| one.at(&["state"]).and_then(Value::as_str) == Some("connected");
    is_zero(["tasks", "open"]) && is_zero(["results", "pending"]) && collectors(status).all(is_there)
}

fn collectors(status: &Value) -> impl Iterator<Item = &Value> {
    status.at(&["collectors"]).and_then(Value::as_array).unwrap_or_default().iter()
}

#[cfg(test)]
mod tests {
    use stook_types::CollectorId;

    use super::*;

    fn status(submitted: i64, done: i64, failed: i64, open: i64, state: &str) -> Value {
        let tasks = [
            ("submitted", submitted),
            ("done", done),
            ("partial", 0),
            ("failed", failed),
            ("quarantined", 0),
            ("open", open),
            ("redistributed", 3),
        ];
        let tasks: Value = Value::from(tasks.map(|(name, count)| (name, Value::from(count))));
        let collector = |id: &str, state: &str, restarts: i64| {
            Value::from([("id", id.into()), ("state", state.into()), ("restarts", Value::from(restarts))])
        };
        let collectors = vec![collector("p1", state, 2), collector("p2", "connected", 1)];
        let results = Value::from([("pending", Value::from(0_i64))]);
        Value::from([("tasks", tasks), ("collectors", Value::Array(collectors)), ("results", results)])
    }

    fn results() -> CounterSnapshot {
        let mut results = CounterSnapshot::default();
        (results.received, results.delivered, results.duplicate, results.released) = (40, 37, 1, 10);
        results.refused.insert(STALE, 2);
        results
    }

    fn counts() -> Counts {
        Counts {
            kills: 2,
            stops: 4,
            ended: 3,
            ended_by_kill: 2,
            given_up: 1,
            restarted: 3,
            redistributed: 3,
            moved_after: [9, 1, 2].map(Duration::from_millis).into(),
            complete: 9,
            partial: [("collectors-lost", 1)].into(),
            missing: [(CollectorId::new("p1").unwrap(), [("exited", 1)].into())].into(),
            tasks: [("done", 10)].into(),
            ..Counts::default()
        }
    }

    fn check(status: &Value, results: &CounterSnapshot, counts: &Counts, expected: &str) {
        let took = Duration::from_secs(20);
        let verdict = Verdict { seed: 7, took, status, results, counts };
        assert_eq!(verdict.text(), expected);
        assert_eq!(verdict.wrong().is_empty(), expected.ends_with("lost     nothing\n"));
    }

    #[test]
    fn everything_adds_up() {
        check(
            &status(10, 10, 0, 0, "connected"),
            &results(),
            &counts(),
            "\
chaos     seed 7, 20.0s
  struck   2 killed, 4 stopped: 3 of these went on in time, 1 were given up as silent
  ended    3 collectors = 2 killed + 1 given up + 0 by themselves; 3 started again
  moved    3 tasks to other collectors, after a kill within 2.0ms (median), 9.0ms (longest)
  tasks    10 submitted = 10 done + 0 partial + 0 failed + 0 quarantined + 0 open
  results  40 received = 37 delivered + 1 duplicate + 0 late + 2 refused + 0 discarded + 0 pending
           2 stale-epoch: from collectors whose task others had by then
  sets     10 released = 9 complete + 1 partial
  partial  1 collectors-lost
  missing  p1: 1 exited
  lost     nothing
",
        );
    }

    #[test]
    fn tasks_that_were_not_told_of_are_missed() {
        let (status, counts) = (status(11, 10, 1, 0, "connected"), counts());
        let verdict =
            Verdict { seed: 7, took: Duration::ZERO, status: &status, results: &results(), counts: &counts };
        assert_eq!(verdict.wrong(), ["the host counts 1 tasks as failed, and told of 0"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut results = results();
        (results.received, results.released, results.pending) = (45, 11, 1);
        results.refused.insert("set-full", 2);
        results.discarded.insert("sink-failed", 1);
        let counts = Counts {
            undone: 1,
            unassigned: 2,
            unexplained: 1,
            ended_by_themselves: 1,
            silent_unasked: 1,
            cut_short: 1,
            ended: 5,
            redistributed: 4,
            moved_after: Vec::new(),
            ..counts()
        };
        check(
            &status(13, 10, 1, 1, "quarantined"),
            &results,
            &counts,
            "\
chaos     seed 7, 20.0s
  struck   2 killed, 4 stopped: 3 of these went on in time, 1 were given up as silent
  ended    5 collectors = 2 killed + 2 given up + 1 by themselves; 3 started again
  moved    4 tasks to other collectors
  tasks    13 submitted = 10 done + 0 partial + 1 failed + 0 quarantined + 1 open
  results  45 received = 37 delivered + 1 duplicate + 0 late + 4 refused + 1 discarded + 1 pending
           2 set-full
           2 stale-epoch: from collectors whose task others had by then
           1 sink-failed
  sets     11 released = 9 complete + 1 partial
  partial  1 collectors-lost
  missing  p1: 1 exited
  note     1 given up as silent though nobody stopped them
  note     1 tasks had begun when the host was told to stop
  LOST     tasks do not add up
  LOST     1 tasks have not ended
  LOST     1 tasks that anybody may run were not done
  LOST     2 tasks were not taken
  LOST     moved tasks do not add up
  LOST     results do not add up
  LOST     1 results are pending
  LOST     2 results were refused: set-full
  LOST     1 results were discarded: sink-failed
  LOST     11 sets were released, and 10 came
  LOST     1 partial sets have no honest reason
  LOST     5 collectors have ended, and 3 were started again
  LOST     1 collectors ended by themselves
  LOST     p1 is quarantined
",
        );
    }

    #[test]
    fn quiet_is_when_nothing_is_under_way() {
        assert!(is_quiet(&status(1, 1, 0, 0, "connected")));
        assert!(!is_quiet(&status(2, 1, 0, 1, "connected")));
        assert!(!is_quiet(&status(1, 1, 0, 0, "restarting")));
        assert!(!is_quiet(&Value::Null));
    }
}
