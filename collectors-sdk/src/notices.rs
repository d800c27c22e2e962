//! What a collector has to say about itself, for whoever runs it.
//!
//! It is logged by `tracing`. Where nobody has set up a log, it goes to standard error: a collector that is refused
//! shall not look like one that works.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;
use std::time::Duration;

use stook_types::harmless::clean;
use stook_types::{MonoTime, Quiet, Topic};
use tokio::time::Instant;

/// Says things, and not too often.
#[derive(Debug)]
pub(crate) struct Notices {
    /// For a log, or for standard error where there is none.
    say: fn(&str),
    begin: Instant,
    quiet: Quiet<Cause>,
    /// What was said last of the connection, while there is no session.
    last_loss: String,
    refused: BTreeMap<(Option<Topic>, String), Refused>,
}

/// What a line is about. None silences another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Host,
    Refused,
    Task,
}

/// Results refused on one topic for one reason.
#[derive(Debug, Default)]
struct Refused {
    count: u64,
    /// It is said again when they are so many.
    next: u64,
}

/// Lines of one cause in a window.
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// Combinations of topic and reason that are told apart: a host may have reasons of its own.
const APART: usize = 64;

impl Notices {
    pub(crate) fn new() -> Self {
        Self::to(say)
    }

    /// For tests: whoever wants to read them sets up a log.
    #[cfg(feature = "testing")]
    pub(crate) fn to_the_log() -> Self {
        Self::to(|what| tracing::warn!("{what}"))
    }

    pub(crate) fn to(say: fn(&str)) -> Self {
        Self {
            say,
            begin: Instant::now(),
            quiet: Quiet::new(LINES, WINDOW),
            last_loss: String::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Says it, if this is not one too many. Whether it was said.
    pub(crate) fn warn(&mut self, cause: Cause, what: &str) -> bool {
        self.tell_left_out();
        let admitted = self.quiet.admits(MonoTime::at(self.begin.elapsed()), cause);
        if admitted {
            (self.say)(what);
        }
        admitted
    }

    /// Says how many lines were left out, where their minute is over.
    pub(crate) fn tell_left_out(&mut self) {
        self.tell_until(MonoTime::at(self.begin.elapsed()));
    }

    /// Says how many lines were left out: nothing is said after this.
    pub(crate) fn end(&mut self) {
        self.tell_until(MonoTime::at(Duration::MAX));
    }

    fn tell_until(&mut self, time: MonoTime) {
        for (cause, left_out) in self.quiet.take_ended(time) {
            let lines = if left_out == 1 { "line" } else { "lines" };
            (self.say)(&format!("left out: {left_out} more {lines} about {cause}"));
        }
    }

    /// When there is something to [tell](Self::tell_left_out).
    pub(crate) fn next(&self) -> Option<Instant> {
        self.quiet.next().map(|due| self.begin + due.since_origin())
    }

    /// There is no session, or no longer. The same reason is said once until there is one again.
    pub(crate) fn lost(&mut self, why: &impl Display) {
        let why = why.to_string();
        if why != self.last_loss
            && self.warn(Cause::Host, &format!("no session with the host, trying again: {why}"))
        {
            self.last_loss = why;
        }
    }

    /// There is a session.
    pub(crate) fn taken(&mut self) {
        // A log has a line of its own for it.
        if !std::mem::take(&mut self.last_loss).is_empty() && !tracing::dispatcher::has_been_set() {
            self.warn(Cause::Host, "the host has taken this collector");
        }
    }

    /// The host did not take a result. Said at the first of each topic and reason, the tenth, the hundredth and so on.
    pub(crate) fn refused(&mut self, topic: Option<Topic>, reason: &str) {
        let mut what = (topic, reason.to_owned());
        if self.refused.len() >= APART && !self.refused.contains_key(&what) {
            what = (None, "other reasons".to_owned());
        }
        let refused = self.refused.entry(what.clone()).or_default();
        refused.count += 1;
        let Refused { count, next } = *refused;
        if count < next {
            return;
        }
        let on = what.0.as_ref().map_or_else(String::new, |topic| format!(" on `{topic}`"));
        let often = if count == 1 { String::new() } else { format!(", {count} so far") };
        let remedy = remedy(reason).map_or_else(String::new, |remedy| format!("; {remedy}"));
        let said = format!("the host refuses results{on}: {reason}{often}{remedy}");
        if self.warn(Cause::Refused, &said)
            && let Some(refused) = self.refused.get_mut(&what)
        {
            refused.next = 10u64.saturating_pow(count.ilog10() + 1);
        }
    }

    /// How many results were refused, and a topic and a reason of them, of which there were most.
    pub(crate) fn most_refused(&self) -> Option<(u64, Option<&Topic>, &str)> {
        let sum = self.refused.values().map(|refused| refused.count).sum();
        let ((topic, reason), _) = self.refused.iter().max_by_key(|(_, refused)| refused.count)?;
        Some((sum, topic.as_ref(), reason))
    }
}

/// What to do about results that are refused for this reason, where the reason does not say it.
pub(crate) fn remedy(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "late" => "their set was released before: see `timeout`, `complete` and `late` of the aggregate",
        "unexpected-collector" => {
            "their set waits for others: see `collectors` of its policy, or the task's `fan_out`"
        }
        "topic-not-allowed" => "grant the topic in `publish` of this collector in the host's config",
        "unknown-topic" => "name the topic in `topics` of an aggregate in the host's config",
        "missing-key" => "they lack a field that `key` of the aggregate names",
        "too-large" => "send less in one result, or raise `bytes_per_set`",
        "set-full" => "raise the `limits` of the aggregate",
        "memory" => "raise `memory` of the host",
        "decode" => "their payload cannot be decoded, or a field that is asked for is of another type",
        "count-mismatch" => "they say another count than their set has: see `count_field` of its policy",
        "stale-epoch" => "their task was given to somebody else, or its connection was lost",
        _ => return None,
    })
}

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host",
            Self::Refused => "refused results",
            Self::Task => "failed tasks",
        })
    }
}

fn say(what: &str) {
    if tracing::dispatcher::has_been_set() {
        tracing::warn!("{what}");
    } else {
        // Others have written parts of it. Not `eprintln!`, which panics where standard error is closed.
        let what = clean(&what.replace('\n', " "));
        let _ = writeln!(std::io::stderr(), "stook: {what}");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use stook_messages::expect_file;
    use stook_types::Refusal;

    use super::*;

    thread_local!(static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

    fn notices() -> Notices {
        Notices::to(|what| SAID.with_borrow_mut(|said| said.push(what.to_owned())))
    }

    fn said() -> Vec<String> {
        SAID.take()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_told_with_a_remedy_and_then_counted() {
        let (mut notices, topic) = (notices(), Topic::new("t.a").ok());
        assert_eq!(notices.most_refused(), None);
        for _ in 0..150 {
            notices.refused(topic.clone(), "topic-not-allowed");
        }
        notices.refused(topic.clone(), "of-a-newer-host");
        let remedy = "grant the topic in `publish` of this collector in the host's config";
        let refuses = "the host refuses results on `t.a`: topic-not-allowed";
        assert_eq!(
            said(),
            [
                format!("{refuses}; {remedy}"),
                format!("{refuses}, 10 so far; {remedy}"),
                format!("{refuses}, 100 so far; {remedy}"),
                "the host refuses results on `t.a`: of-a-newer-host".to_owned(),
            ]
        );
        assert_eq!(notices.most_refused(), Some((151, topic.as_ref(), "topic-not-allowed")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_away_is_told_once_and_again_when_it_is_back() {
        let mut notices = notices();
        notices.taken();
        for _ in 0..100 {
            notices.lost(&"nobody there");
        }
        notices.taken();
        notices.taken();
        assert_eq!(
            said(),
            ["no session with the host, trying again: nobody there", "the host has taken this collector"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_a_few_lines_and_a_number() {
        let mut notices = notices();
        for n in 0..1_000 {
            notices.warn(Cause::Task, &n.to_string());
        }
        assert_eq!(said().len(), LINES as usize);
        tokio::time::sleep_until(notices.next().expect("there is something to be told")).await;
        notices.tell_left_out();
        assert_eq!(said(), ["left out: 980 more lines about failed tasks"]);
        assert_eq!(notices.next(), None);
        notices.warn(Cause::Task, "later");
        assert_eq!(said(), ["later"]);
        for n in 0..10_000 {
            notices.refused(None, &n.to_string());
        }
        assert!(notices.refused.len() <= APART + 1, "a host that invents reasons");
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_is_said() {
        let (mut notices, topic) = (notices(), Topic::new("t.a").ok());
        notices.lost(&"the host stops (shutting-down); connect again when it has been started again");
        notices.taken();
        for reason in Refusal::ALL {
            notices.refused(topic.clone(), reason.as_str());
        }
        notices.refused(topic, "of-a-newer-host");
        for reason in 0..APART {
            notices.refused(None, &format!("invented-{reason}"));
        }
        notices.refused(None, "past-all-reason");
        for cause in [Cause::Host, Cause::Refused, Cause::Task] {
            while notices.warn(cause, "invented") {}
        }
        notices.end();
        let said = said().into_iter().filter(|line| !line.contains("invented"));
        expect_file!["messages/notices.txt"].assert_eq(&said.map(|line| line + "\n").collect::<String>());
    }

    #[tokio::test(start_paused = true)]
    async fn one_cause_does_not_silence_another() {
        let mut notices = notices();
        while notices.warn(Cause::Task, "a task failed") {}
        notices.lost(&"gone");
        notices.refused(None, "late");
        assert_eq!(said().len(), LINES as usize + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_left_out_is_not_taken_for_said() {
        let (mut notices, topic) = (notices(), Topic::new("t.a").ok());
        for cause in [Cause::Host, Cause::Refused] {
            while notices.warn(cause, "something else") {}
        }
        let both = |notices: &mut Notices| {
            notices.lost(&"gone");
            notices.refused(topic.clone(), "late");
            said().into_iter().filter(|line| line.contains("gone") || line.contains("late")).count()
        };
        said();
        assert_eq!(both(&mut notices), 0);
        tokio::time::advance(WINDOW).await;
        assert_eq!(both(&mut notices), 2);
        assert_eq!(both(&mut notices), 0, "they are said once");
    }
}
