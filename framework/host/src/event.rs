//! What happens while a host runs, for whoever wants to know: an embedder's listener, the log, and the topic
//! `stook.events`.

use std::sync::Arc;

use serde::Serialize;
use stook_proto::RejectReason;
use stook_types::{Capability, CollectorId, CorrelationId, Incarnation, Missing, TaskId, TaskOutcome};
use tracing::field::display;

/// Something happened. Given to [`HostBuilder::on_event`](crate::HostBuilder::on_event), and logged. A listener that
/// panics is told nothing more; the host goes on.
///
/// Serialised it is an object whose field `event` names it, like `collector.lost`: so it stands on the topic
/// `stook.events`, which an aggregate can take like any other. Each has a correlation ID of its own there; to gather
/// them by collector, say `key = ["collector"]`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// The host listens: collectors can connect now.
    #[serde(rename = "host.listening")]
    Listening,
    /// A collector has a session.
    #[serde(rename = "collector.connected")]
    CollectorConnected {
        /// Who.
        collector: CollectorId,
        /// Its process start.
        incarnation: Incarnation,
        /// Its process, as the system says, or else as it says itself.
        pid: Option<u32>,
    },
    /// A collector's session ended, and not because the host stops.
    #[serde(rename = "collector.lost")]
    CollectorLost {
        /// Who.
        collector: CollectorId,
        /// Why.
        why: Missing,
        /// How, in words, if there is more to say: which rule it broke, or why it says that it leaves.
        how: Option<String>,
        /// Whether it has said goodbye: nothing is wrong then.
        orderly: bool,
    },
    /// Nothing was heard of a collector for too long. Its session is ended, and its process killed if the host started
    /// it.
    #[serde(rename = "collector.silent")]
    CollectorSilent {
        /// Who.
        collector: CollectorId,
    },
    /// A collector sends results, and no heartbeats.
    #[serde(rename = "collector.no-heartbeats")]
    CollectorWithoutHeartbeats {
        /// Who.
        collector: CollectorId,
    },
    /// A collector sits on a task past its time, and is given nothing until it lets go of it.
    #[serde(rename = "collector.overdue")]
    CollectorOverdue {
        /// Who.
        collector: CollectorId,
        /// The task's name.
        task: Arc<str>,
        /// What it did not do.
        why: &'static str,
    },
    /// A collector that the host started has ended, or could not be started.
    #[serde(rename = "collector.exited")]
    CollectorExited {
        /// Who.
        collector: CollectorId,
        /// How, in words.
        how: String,
    },
    /// A collector that an earlier host has started, which has died, goes on under this one.
    #[serde(rename = "collector.adopted")]
    CollectorAdopted {
        /// Who.
        collector: CollectorId,
        /// Its process start.
        incarnation: Incarnation,
    },
    /// A collector that has ended will be started again.
    #[serde(rename = "collector.restarting")]
    CollectorRestarting {
        /// Who.
        collector: CollectorId,
        /// In how many milliseconds, or later if many are to be started.
        in_ms: u64,
    },
    /// A collector that had ended is in service again.
    #[serde(rename = "collector.restarted")]
    CollectorRestarted {
        /// Who.
        collector: CollectorId,
        /// How often it was started again, in all.
        restarts: u64,
        /// Milliseconds from its end to its registration.
        after_ms: u64,
    },
    /// A collector ended again and again, or can never be started. It is tried once in a long while; `stook restart`
    /// takes it out.
    #[serde(rename = "collector.quarantined")]
    CollectorQuarantined {
        /// Who.
        collector: CollectorId,
        /// In what way.
        why: String,
    },
    /// A collector has ended by itself, and is not started again: its restart policy leaves it.
    #[serde(rename = "collector.left")]
    CollectorLeft {
        /// Who.
        collector: CollectorId,
        /// How it ended, and that it stays so.
        why: String,
    },
    /// A task was given to a collector; it goes out next.
    #[serde(rename = "task.assigned")]
    TaskAssigned {
        /// The task's name.
        task: Arc<str>,
        /// Which one of that name.
        task_id: TaskId,
        /// Who runs it.
        collector: CollectorId,
        /// Which of its capabilities.
        capability: Capability,
        /// Under which its results meet.
        correlation_id: CorrelationId,
        /// Counts the assignments of this part of the task, from 1.
        attempt: u32,
    },
    /// A task was taken from a collector; another one has it now, or it waits for one.
    #[serde(rename = "task.redistributed")]
    TaskRedistributed {
        /// The task's name.
        task: Arc<str>,
        /// Which one of that name.
        task_id: TaskId,
        /// Which of its capabilities.
        capability: Capability,
        /// Who had it.
        from: CollectorId,
        /// Who has it; absent while it waits.
        to: Option<CollectorId>,
        /// Why it was taken.
        why: String,
    },
    /// A collector has finished what it was given of a task: all that it had to say was sent before.
    #[serde(rename = "task.finished")]
    TaskFinished {
        /// The task's name.
        task: Arc<str>,
        /// Which one of that name.
        task_id: TaskId,
        /// Who.
        collector: CollectorId,
        /// Which of its capabilities.
        capability: Capability,
        /// Microseconds from its assignment.
        took_us: u64,
    },
    /// A collector failed at a task, or nobody could run it, and it is not tried again.
    #[serde(rename = "task.failed")]
    TaskFailed {
        /// The task's name.
        task: Arc<str>,
        /// Which one of that name.
        task_id: TaskId,
        /// Which of its capabilities.
        capability: Capability,
        /// Who had it last, if anybody had.
        collector: Option<CollectorId>,
        /// Why.
        why: String,
    },
    /// A task has killed one collector after the other, and is given to nobody any more.
    #[serde(rename = "task.quarantined")]
    TaskQuarantined {
        /// The task's name.
        task: Arc<str>,
        /// Which one of that name.
        task_id: TaskId,
        /// Which of its capabilities.
        capability: Capability,
        /// Whom it killed last.
        collector: CollectorId,
        /// How many it has killed.
        kills: u32,
    },
    /// A task has ended.
    #[serde(rename = "task.ended")]
    TaskEnded {
        /// The task's name.
        task: Arc<str>,
        /// Which one of that name.
        task_id: TaskId,
        /// Under which its results met.
        correlation_id: CorrelationId,
        /// How.
        outcome: TaskOutcome,
    },
    /// A task was not taken, or one of its aggregates cannot be told of it.
    #[serde(rename = "task.unassigned")]
    TaskUnassigned {
        /// The task's name.
        task: Arc<str>,
        /// Why not.
        why: String,
    },
    /// A policy or strategy has panicked or made no sense, so that the engine's own rule was taken; or has taken too
    /// long; or a merge has failed, which is told with the text of the last failure. Told at once, and while it goes on,
    /// when it has happened twice as often or a minute later.
    #[serde(rename = "plugin.misbehaved")]
    PluginMisbehaved {
        /// Its name.
        plugin: &'static str,
        /// What it is, as [`PluginKind`](stook_plugin::PluginKind) has it: `completion`, `dedup`, `detection`, `merge`,
        /// `order`, `restart` or `scoring`. Of sinks [`SinkFailing`](Self::SinkFailing) tells.
        kind: &'static str,
        /// What it has done, and how often so far.
        what: String,
    },
    /// A sink, or a callback of [`on_complete`](crate::HostBuilder::on_complete), has failed for more than a second. Told
    /// once, until it takes something again; each attempt is logged.
    #[serde(rename = "sink.failing")]
    SinkFailing {
        /// Its name in the config; for a callback that of its aggregate.
        sink: Arc<str>,
        /// What it said last.
        why: String,
    },
    /// A sink that was failing takes what it is given again.
    #[serde(rename = "sink.recovered")]
    SinkRecovered {
        /// Its name.
        sink: Arc<str>,
    },
    /// Somebody was not let in, or was shown out: a collector `in_session` that broke a rule.
    #[serde(rename = "connection.refused")]
    ConnectionRefused {
        /// The configured collector that it was, if it was one.
        collector: Option<CollectorId>,
        /// Why, in a word: what [`RejectReason::as_str`](crate::RejectReason::as_str) gives.
        reason: &'static str,
        /// Why, in words.
        why: String,
        /// Whether it had been let in before.
        in_session: bool,
    },
}

/// What is told of a connection that was refused, or ended for a rule that was broken.
pub(crate) struct Refused {
    /// Whose session it was, if it was one.
    pub(crate) collector: Option<CollectorId>,
    pub(crate) reason: RejectReason,
    pub(crate) why: String,
}

/// What lines of the log have in common that are not written again and again: nothing in it is chosen by who causes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cause {
    pub(crate) what: &'static str,
    /// One that is configured.
    pub(crate) collector: Option<CollectorId>,
    pub(crate) reason: &'static str,
}

/// How much is told of what somebody else has written.
const TEXT: usize = 500;

/// A text of somebody else, as far as it is told.
pub(crate) fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Who wants to know.
pub(crate) type Listener = Box<dyn FnMut(&Event) + Send>;

/// Logs an event. That children of a host that `stops` end is what it asked them for.
pub(crate) fn log(event: &Event, stops: bool) {
    match event {
        Event::Listening => tracing::info!("listening"),
        Event::CollectorConnected { collector, incarnation, pid } => {
            tracing::info!(%collector, %incarnation, pid, "collector connected");
        }
        Event::CollectorLost { collector, how, orderly: true, .. } => {
            tracing::info!(%collector, how, "collector has said goodbye");
        }
        Event::CollectorLost { collector, why, how, .. } => {
            tracing::warn!(%collector, how, reason = %why, "collector lost")
        }
        Event::CollectorSilent { collector } => {
            tracing::warn!(%collector, "collector silent for too long; it is given up")
        }
        Event::CollectorWithoutHeartbeats { collector } => {
            tracing::warn!(%collector, "collector sends no heartbeats, and lives");
        }
        Event::CollectorOverdue { collector, task, why } => {
            tracing::warn!(%collector, %task, why, "collector is overdue with a task");
        }
        Event::CollectorExited { collector, how } if stops => {
            tracing::info!(%collector, how, "collector's process ended")
        }
        Event::CollectorExited { collector, how } => {
            tracing::warn!(%collector, how, "collector's process ended")
        }
        Event::CollectorAdopted { collector, incarnation } => {
            tracing::info!(%collector, %incarnation, "collector taken over from an earlier host");
        }
        Event::CollectorRestarting { collector, in_ms } => {
            tracing::info!(%collector, in_ms, "collector will be started again");
        }
        Event::CollectorRestarted { collector, restarts, after_ms } => {
            tracing::info!(%collector, restarts, after_ms, "collector is in service again");
        }
        Event::CollectorQuarantined { collector, why } => {
            tracing::error!(%collector, why, "collector quarantined; `stook restart` takes it out");
        }
        Event::CollectorLeft { collector, why } => tracing::info!(%collector, why, "collector has left"),
        Event::TaskAssigned { task, task_id, collector, capability, correlation_id, attempt } => {
            tracing::debug!(%task, %task_id, %collector, %capability, %correlation_id, attempt, "task assigned");
        }
        Event::TaskRedistributed { task, task_id, capability, from, to, why } => {
            let to = to.as_ref().map(display);
            // Whoever is lost may have had thousands: that is one line, of control's.
            tracing::debug!(%task, %task_id, %capability, %from, to, why, "task redistributed");
        }
        Event::TaskFinished { task, task_id, collector, capability, took_us } => {
            tracing::debug!(%task, %task_id, %collector, %capability, took_us, "task finished");
        }
        Event::TaskFailed { task, task_id, capability, collector, why } => {
            let collector = collector.as_ref().map(display);
            tracing::warn!(%task, %task_id, %capability, collector, why, "task failed");
        }
        Event::TaskQuarantined { task, task_id, capability, collector, kills } => {
            tracing::error!(%task, %task_id, %capability, %collector, kills, "task quarantined; nobody is given it again");
        }
        Event::TaskEnded { task, task_id, correlation_id, outcome } => {
            tracing::debug!(%task, %task_id, %correlation_id, %outcome, "task ended");
        }
        Event::TaskUnassigned { task, why } => tracing::warn!(%task, why, "task not assigned"),
        Event::PluginMisbehaved { plugin, kind, what } => {
            tracing::warn!(%plugin, %kind, what, "a policy misbehaves");
        }
        Event::SinkFailing { sink, why } => tracing::error!(%sink, why, "a sink fails"),
        Event::SinkRecovered { sink } => tracing::info!(%sink, "a sink has recovered"),
        Event::ConnectionRefused { collector, reason, why, in_session: true } => {
            let collector = collector.as_ref().map(display);
            tracing::warn!(collector, %reason, why, "session ended for a broken rule");
        }
        Event::ConnectionRefused { collector, reason, why, .. } => {
            let collector = collector.as_ref().map(display);
            tracing::warn!(collector, %reason, why, "connection refused");
        }
    }
}

/// Logs how many lines of one cause were not written.
pub(crate) fn log_left_out(Cause { what, collector, reason }: &Cause, left_out: u64) {
    let collector = collector.as_ref().map(display);
    let reason = Some(*reason).filter(|reason| !reason.is_empty()).map(display);
    tracing::warn!(%what, collector, reason, left_out, "more of the same was not logged");
}

// === impl Cause ===

impl Cause {
    pub(crate) fn of_collector(what: &'static str, collector: &CollectorId) -> Self {
        Self { what, collector: Some(collector.clone()), reason: "" }
    }

    /// What causes the log line of an event. `None` if nobody can cause many: the host does it, or holds it back itself.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let (what, collector) = match event {
            Event::CollectorConnected { collector, .. } => ("collector.connected", collector),
            Event::CollectorLost { collector, why, .. } => {
                return Some(Self {
                    reason: why.as_str(),
                    ..Self::of_collector("collector.lost", collector)
                });
            }
            Event::CollectorSilent { collector } => ("collector.silent", collector),
            Event::CollectorWithoutHeartbeats { collector } => ("collector.no-heartbeats", collector),
            Event::CollectorOverdue { collector, .. } => ("collector.overdue", collector),
            Event::CollectorExited { collector, .. } => ("collector.exited", collector),
            Event::CollectorRestarting { collector, .. } => ("collector.restarting", collector),
            Event::CollectorRestarted { collector, .. } => ("collector.restarted", collector),
            Event::TaskFailed { collector, .. } => {
                return Some(Self { what: "task.failed", collector: collector.clone(), reason: "" });
            }
            Event::TaskUnassigned { .. } => {
                return Some(Self { what: "task.unassigned", collector: None, reason: "" });
            }
            Event::ConnectionRefused { collector, reason, .. } => {
                return Some(Self { what: "connection.refused", collector: collector.clone(), reason });
            }
            Event::Listening
            | Event::CollectorAdopted { .. }
            | Event::CollectorQuarantined { .. }
            | Event::CollectorLeft { .. }
            | Event::TaskAssigned { .. }
            | Event::TaskFinished { .. }
            | Event::TaskRedistributed { .. }
            | Event::TaskQuarantined { .. }
            | Event::TaskEnded { .. }
            | Event::PluginMisbehaved { .. }
            | Event::SinkFailing { .. }
            | Event::SinkRecovered { .. } => return None,
        };
        Some(Self::of_collector(what, collector))
    }
}
