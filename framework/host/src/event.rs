//! What an embedder may want to know while a host runs.

use std::sync::Arc;

use stook_types::{Capability, CollectorId, CorrelationId, Incarnation, Missing};

/// Something happened. Given to [`HostBuilder::on_event`](crate::HostBuilder::on_event), and logged. A listener that
/// panics is told nothing more; the host goes on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The host listens: collectors can connect now.
    Listening,
    /// A collector has a session.
    CollectorConnected {
        /// Who.
        collector: CollectorId,
        /// Its process start.
        incarnation: Incarnation,
        /// Its process, as the system says, or else as it says itself.
        pid: Option<u32>,
    },
    /// A collector's session ended, and not because the host stops.
    CollectorLost {
        /// Who.
        collector: CollectorId,
        /// Why.
        why: Missing,
    },
    /// A collector that the host started has ended, or could not be started.
    CollectorExited {
        /// Who.
        collector: CollectorId,
        /// How, in words.
        how: String,
    },
    /// A task was given to a collector; it goes out next.
    TaskAssigned {
        /// The task's name in config.
        task: Arc<str>,
        /// Who runs it.
        collector: CollectorId,
        /// Which of its capabilities.
        capability: Capability,
        /// Under which its results meet.
        correlation_id: CorrelationId,
    },
    /// A collector failed at a task.
    TaskFailed {
        /// The task's name in config.
        task: Arc<str>,
        /// Who failed.
        collector: CollectorId,
        /// Why, as the collector says.
        why: String,
    },
    /// A scheduled task had nobody to run it.
    TaskUnassigned {
        /// The task's name in config.
        task: Arc<str>,
        /// Why not.
        why: String,
    },
    /// Somebody was not let in.
    ConnectionRefused {
        /// Why, in words.
        why: String,
    },
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
        Event::CollectorLost { collector, why } => tracing::warn!(%collector, %why, "collector lost"),
        Event::CollectorExited { collector, how } if stops => {
            tracing::info!(%collector, how, "collector's process ended")
        }
        Event::CollectorExited { collector, how } => {
            tracing::warn!(%collector, how, "collector's process ended")
        }
        Event::TaskAssigned { task, collector, capability, correlation_id } => {
            tracing::debug!(%task, %collector, %capability, %correlation_id, "task assigned");
        }
        Event::TaskFailed { task, collector, why } => tracing::warn!(%task, %collector, why, "task failed"),
        Event::TaskUnassigned { task, why } => tracing::warn!(%task, why, "task not assigned"),
        Event::ConnectionRefused { why } => tracing::warn!(why, "connection refused"),
    }
}
