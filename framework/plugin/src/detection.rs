//! The contract of failure detection by silence: when a collector that says nothing is given up.

use std::time::Duration;

use stook_types::MonoTime;

/// Says how often collectors shall show that they live, and watches one session each.
///
/// # Contract
///
/// * **Who calls, when.** The engine's `HealthTracker`: [`watch`](Self::watch) once for each session, when it
///   begins; [`Watch::beat`] for each heartbeat; [`Watch::alive`] for every other sign of life, at the latest
///   before it judges; [`Watch::dead_at`] after each of them. When that time has come and nothing was heard, the
///   session is ended, what it held is given to others, and the collector is restarted.
/// * **Where.** On the one task that dispatches. Do not block.
/// * **Time.** Is that of the host, and stands still while the host itself was stopped: a host that lagged blames
///   nobody.
/// * **What it does not see.** The end of a stream or of a process is known without it, and at once.
/// * **A panic** is caught, counted and named; the session is then watched by the engine's own rule (5 s of silence).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no failure detector",
    note = "`register!(detection: …)` takes a type that implements `FailureDetector`"
)]
pub trait FailureDetector: Send + Sync + 'static {
    /// The interval at which collectors are asked for heartbeats.
    fn heartbeat(&self) -> Duration;

    /// Begins to watch a session.
    fn watch(&self, now: MonoTime) -> Box<dyn Watch>;
}

/// Watches one session. Made by a [`FailureDetector`].
pub trait Watch: Send {
    /// A heartbeat arrived. They come at about the interval that was asked for.
    fn beat(&mut self, at: MonoTime);

    /// Something else arrived: the collector lives, though that says nothing about the rhythm of its heartbeats.
    fn alive(&mut self, at: MonoTime);

    /// When the collector is to be given up, if nothing is heard until then.
    fn dead_at(&self) -> MonoTime;
}
