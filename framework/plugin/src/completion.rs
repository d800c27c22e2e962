//! The contract of completion.

use std::sync::Arc;

use stook_types::{CollectorId, Refusal};

use crate::{Conflict, Contribution, MissingCollector, SetView};

/// Decides when a set is complete.
///
/// # Contract
///
/// * **Who calls, when.** The engine calls [`decide`](Self::decide) each time something happened to an open
///   set: a result or duplicate arrived, a task finished, a collector was lost. With several policies in one
///   aggregate they are asked in the order of the config; the first that says so wins and its name becomes
///   the `reason` of the released set. Where late results correct, it is also called for each that entered a
///   set which has been released: one that says so then is the reason from that revision on.
/// * **Where.** On whichever thread brought the event, *under the set's own mutex*. Other sets are not held up;
///   this one is. Do not block, do no I/O, and keep to time proportional to the set.
/// * **State.** None of its own per set: everything it may know is in the [`SetView`]. One instance serves all
///   sets of its aggregate at once.
/// * **A panic** is caught and counted, and means [`Decision::Pending`]: the set still ends by its timeout.
///
/// A policy cannot make a set wait for ever: every aggregate has a timeout, and a set whose missing collectors
/// are all known to be dead is released without asking anybody.
///
/// # The wrong way
///
/// Counting `set.results` to see whether *everybody* answered: one collector that sends three results would
/// complete a set of three. Count [`SetView::answers`], which is of distinct collectors and includes those whose
/// answer was a duplicate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no completion policy",
    note = "`register!(completion: …)` takes a type that implements `CompletionPolicy`"
)]
pub trait CompletionPolicy: Send + Sync + 'static {
    /// Whether the set is complete as it stands. [`SetView::arrived`] is the result that has just entered, or has just
    /// taken the place of an equal one (`keep = "last"`), if that is what happened.
    fn decide(&self, set: &SetView<'_>) -> Decision;

    /// Whether a result may enter the set as it stands: for policies that see an end only in what comes after it.
    /// Called, also under the set's mutex, before a result enters; in the order of the config, and the first answer counts
    /// that is [`Admission::OpensNext`] or [`Admission::Refused`]. The default admits everything. Not called for a
    /// duplicate, nor for a result of somebody who may not answer in the set.
    ///
    /// * A set that is not open yet is shown empty, and its mutex is not held then.
    /// * A duplicate that would take the place of an earlier result (`keep = "last"`) is asked for, and the set shown with
    ///   the earlier one. Refused, it takes nobody's place; it opens no set, since the earlier one is in this: a set may
    ///   come to be larger that way than a policy lets it grow by new results.
    /// * A late result that would correct a released set is asked for. It opens no set either.
    fn admit(&self, set: &SetView<'_>, next: &Contribution) -> Admission {
        let _ = (set, next);
        Admission::Enters
    }

    /// Whom a set waits for that nobody announced. Called once, when such a set is opened by a result;
    /// outside any lock. The default expects nobody in particular.
    fn expects(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        let _ = roster;
        Vec::new()
    }

    /// What becomes of a result from a collector that the set does not expect, in a set that expects somebody.
    /// With several policies the strictest wins. The default takes it.
    fn unexpected(&self) -> Unexpected {
        Unexpected::Include
    }

    /// Whether a collector has answered only with a result that it flags as its last, and not with its first. Where one
    /// policy says so that is what [`Member::answered`](crate::Member) means in all sets of the aggregate.
    fn awaits_last(&self) -> bool {
        false
    }

    /// Whether it may say [`Admission::OpensNext`]; where no policy may, that is as good as `Enters`. Config warns where a result would be late all the same, because the set
    /// before it ended in another way.
    fn opens_next(&self) -> bool {
        false
    }

    /// Which fields of the merged value it looks at, by their paths, through [`SetView::value`]. Config refuses fields
    /// that the merge cannot [follow](crate::MergeStrategy::running). The default looks at none, which costs nothing.
    fn reads_value(&self) -> &[Vec<String>] {
        &[]
    }

    /// What in a set that it completed does not agree with what completed it: the dissent beside a majority. Asked once
    /// for each emission that has this policy's name as its reason, under no lock. Results in order of arrival; those of
    /// whoever is `missing` had no part in it: it had sent something, and not answered.
    fn dissent(&self, results: &[Contribution], missing: &[MissingCollector]) -> Vec<Conflict> {
        let _ = (results, missing);
        Vec::new()
    }

    /// Whether it compares what different collectors say. Config refuses that beside a dedup which would drop
    /// the second of two equal answers: their agreement could not be seen.
    fn compares_collectors(&self) -> bool {
        false
    }

    /// How many results a set must have before this policy can ever say so, if that is known, with the option that
    /// decides it; where it says [`Admission::OpensNext`] the next result counts too. Config refuses a limit of results per set that is lower.
    fn needs_results(&self) -> Option<(usize, &'static str)> {
        None
    }

    /// The same for payload bytes: config refuses a limit of bytes per set that is lower.
    fn needs_bytes(&self) -> Option<(usize, &'static str)> {
        None
    }

    /// A warning for whoever wrote the config, if these options cannot do what they seem to.
    fn check(&self) -> Option<String> {
        None
    }
}

/// What a completion policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Not yet.
    Pending,
    /// Complete, with everything that is in it.
    Complete,
    /// It cannot be said, because of what the results contain. Counted, and otherwise as good as `Pending`.
    Undecided,
}

/// What a completion policy says of a result that is about to enter a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// It enters.
    Enters,
    /// The set is complete without it: it is released, and the result opens the next one at once. As good as `Enters` where
    /// there is nothing to end: of a set without results or one that is released already, and of a result that takes the
    /// place of an equal one. Refused, with nothing ended, if the next set would not take it of its collector.
    OpensNext,
    /// It contradicts what the set knows, and is refused.
    Refused(Refusal),
    /// It cannot be said, because of what the result contains. Counted, and otherwise as good as `Enters`.
    Undecided,
}

crate::choice! {
    /// What becomes of a result from an unexpected collector. Later is stricter.
    #[derive(PartialOrd, Ord)]
    pub enum Unexpected {
        /// It enters the set.
        Include = "include",
        /// It is dropped and counted.
        Discard = "discard",
        /// It is refused: the collector is told.
        Refuse = "refuse",
    }
}

/// The collectors that the host knows, configured or connected.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Roster<'a> {
    /// One entry per collector, sorted by id.
    pub collectors: &'a [RosterEntry],
}

/// One collector that the host knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RosterEntry {
    /// Its name.
    pub id: CollectorId,
    /// Its kind; empty if neither config nor a session has told it yet.
    pub kind: Arc<str>,
}

impl<'a> Roster<'a> {
    /// A roster of these collectors.
    pub const fn new(collectors: &'a [RosterEntry]) -> Self {
        Self { collectors }
    }
}

impl RosterEntry {
    /// A collector of this kind.
    pub fn new(id: CollectorId, kind: impl Into<Arc<str>>) -> Self {
        Self { id, kind: kind.into() }
    }
}
