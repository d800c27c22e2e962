//! Sets of results, and what may be said of them.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use stook_types::{CollectorId, Value};

use super::results::{FLAVOURS, count, hostile, object, payload, result};
use super::{brief, cut, one_of};
use crate::{Conflict, Contribution, Draw};

/// A few results of a few collectors.
pub(super) fn plausible(payloads: &[Value], draw: &mut Draw) -> Vec<Contribution> {
    let flavour = one_of(&FLAVOURS, draw);
    let many = draw.below(7);
    let sent = |arrival| {
        let value = match payloads {
            [_, ..] if draw.below(4) > 0 => payloads[draw.below(payloads.len())].clone(),
            _ => object(flavour, draw),
        };
        result(payload(&value), arrival, draw)
    };
    (0..many).map(sent).collect()
}

/// Results that nobody should choke on.
pub(super) fn absurd(draw: &mut Draw) -> Vec<Contribution> {
    (0..draw.below(6)).map(|arrival| result(hostile(draw), arrival, draw)).collect()
}

/// What was asked, for messages.
pub(super) struct Input<'a> {
    pub(super) seed: u64,
    pub(super) sent: &'a [Contribution],
}

impl Display for Input<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, brief(&said(self.sent)))
    }
}

/// Who said what, for messages.
pub(super) fn said(sent: &[Contribution]) -> impl Display {
    fmt::from_fn(move |f| {
        for (place, result) in sent.iter().enumerate() {
            let value = result.payload.decode().ok();
            let (comma, from) = (if place == 0 { "" } else { ", " }, &result.source.collector);
            match value {
                Some(value) => {
                    write!(f, "{comma}{from} {}", cut(&fmt::from_fn(|f| write!(f, "{value:?}")), 200))?
                }
                None => write!(f, "{comma}{from} (cannot be decoded)")?,
            }
        }
        if sent.is_empty() { f.write_str("nothing") } else { Ok(()) }
    })
}

/// A value for messages.
pub(super) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| brief(&fmt::from_fn(|f| write!(f, "{value:?}"))))
}

/// Who sent them.
pub(super) fn senders(sent: &[Contribution]) -> BTreeSet<&CollectorId> {
    sent.iter().map(|result| &result.source.collector).collect()
}

/// As R. Fisher and F. Yates do it.
pub(super) fn shuffled(sent: &[Contribution], draw: &mut Draw) -> Vec<Contribution> {
    let mut shuffled = sent.to_vec();
    for place in (1..shuffled.len()).rev() {
        shuffled.swap(place, draw.below(place + 1));
    }
    shuffled
}

#[track_caller]
pub(super) fn check_conflicts(
    conflicts: &[Conflict],
    dropped: usize,
    sent: &[Contribution],
    at: &impl Display,
) {
    let senders = senders(sent);
    let stray = conflicts.iter().find(|conflict| !senders.contains(&conflict.collector));
    assert!(stray.is_none(), "conflicts name collectors that sent something: {stray:?}, at {at}");
    let values: usize =
        sent.iter().map(|result| result.payload.decode().map_or(1, |value| count(&value))).sum();
    let found = conflicts.len() + dropped;
    assert!(
        found <= 2 * values,
        "there are at most two conflicts for a value: {found} for {values}, like {:?}, at {at}",
        conflicts.last()
    );
}
