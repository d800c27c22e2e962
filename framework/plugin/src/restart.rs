//! The contract of restarting: what becomes of a collector whose process has ended.

use std::time::Duration;

use stook_types::MonoTime;

use crate::Draw;

/// Decides whether a collector that the host has started is started again, and when.
///
/// # Contract
///
/// * **Who calls, when.** The engine, once for each end of a child that nobody asked for: its process ended, it
///   could not be started, it did not register in time, or it was killed because it was silent. Not for one that
///   `stook restart` or the host's own stop has ended.
/// * **Where.** On the one task that dispatches. Do not block.
/// * **State.** None: everything it may know is in the [`Ending`]. One instance serves all collectors for which
///   config selects it.
/// * **Afterwards.** A start waits for its turn in the host's global bucket too, so that many that die together do not
///   start together. [`Restart::GiveUp`] quarantines the collector: it stays in the status, is tried once in a long
///   while, and `stook restart` takes it out. An end that no start can help (the program does not exist) is
///   quarantined without asking.
/// * **A panic** is caught, counted and named, and means a start after a second.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no restart policy",
    note = "`register!(restart: …)` takes a type that implements `RestartPolicy`"
)]
pub trait RestartPolicy: Send + Sync + 'static {
    /// What is to be done.
    fn decide(&self, ending: &Ending<'_>, draw: &mut Draw) -> Restart;
}

/// What a restart policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// Start it again, this long from now.
    After(Duration),
    /// It is done: leave it.
    Leave,
    /// It ends again and again: quarantine it, for this reason, a fragment like `5 restarts within 60s`.
    GiveUp(String),
}

/// The end of a child that nobody asked for, and those before it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ending<'a> {
    /// How this one ended.
    pub how: Exit,
    /// When.
    pub at: MonoTime,
    /// How long it had been in service, from its registration on; `None` if it never was.
    pub served: Option<Duration>,
    /// When it was started again, oldest first: the last [`REMEMBERED`] times, without those that were forgotten by
    /// `stook restart`.
    pub restarts: &'a [MonoTime],
    /// Starts in a row, this one included, that did not lead to [`SETTLED`] of service; 1 after one that did.
    pub failures: u32,
}

/// Whoever has been in service for so long is no longer starting badly: its next end counts as the first one, see
/// [`Ending::failures`]. The same for all policies, and no option: it says what a start is, not what to do about it.
pub const SETTLED: Duration = Duration::from_secs(10);

/// How many restarts of a collector are remembered: a policy that counts `n` restarts within some time sees up to so many,
/// and lets its options take no larger `n`.
pub const REMEMBERED: usize = 64;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// With exit code 0.
    Success,
    /// With another exit code, a signal, or an exception.
    Failure,
    /// It was never there: the system would not start it.
    NotStarted,
    /// It did not register in time, and was killed.
    NotRegistered,
    /// It was silent for too long, and was killed.
    Silent,
}

// === impl Ending ===

impl<'a> Ending<'a> {
    /// The first end of a child that had not been in service.
    pub const fn new(how: Exit, at: MonoTime) -> Self {
        Self { how, at, served: None, restarts: &[], failures: 1 }
    }

    /// How many times it was started again within this span before the end.
    pub fn restarts_within(&self, span: Duration) -> usize {
        self.restarts.iter().filter(|restart| self.at.since(**restart) < span).count()
    }
}
