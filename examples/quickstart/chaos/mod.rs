//! `--chaos`: now and then a collector is killed, or stopped for a while, at random.
//!
//! Half of the time that waits for the moment at which the collector has been given something: between two scans there
//! would be nothing to lose. A collector that has what two others have lost is spared: struck down with a third, a task
//! would be condemned as the cause, and rightly so as far as the host can know.

mod signal;

use std::convert::Infallible;
use std::time::Duration;

use stook::Handle;
use stook_plugin::Draw;
use stook_types::{CollectorId, Incarnation};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::ledger::{Book, Ledger, Presence};

/// How long nothing is done to anybody.
const CALM: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(1_800));
/// How long a stopped one stays so: some are given up for it, some are not.
const STOPPED: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(7));
/// How long after it was given something: from not at all to almost done.
const INTO_IT: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(20));
/// How long to wait until it is given something.
const PATIENCE: Duration = Duration::from_secs(3);

/// Does it all, until dropped. Choices are determined by the seed, and by who is there to be chosen.
pub(crate) async fn rage(seed: u64, ledger: Ledger, host: Handle) -> Infallible {
    let mut draw = Draw::new(seed);
    let mut stopped = JoinSet::new();
    loop {
        sleep(between(&mut draw, CALM)).await;
        let (victim, at_work, kill) = (draw.bits(), draw.below(2) == 0, draw.below(2) == 0);
        let (delay, pause) = (between(&mut draw, INTO_IT), between(&mut draw, STOPPED));
        let Some(victim) = chosen(&ledger, victim) else { continue };
        if at_work {
            let fired = ledger.open().arm(victim.clone());
            let _ = timeout(PATIENCE, fired).await; // or else while it has nothing to do
            sleep(delay).await;
        }
        if kill || !signal::CAN_STOP {
            self::kill(&ledger, &victim, &host);
        } else if let Some(incarnation) = stop(&ledger, &victim) {
            let ledger = ledger.clone();
            stopped.spawn(async move {
                sleep(pause).await;
                go_on(&ledger, &victim, incarnation);
            });
        }
        while stopped.try_join_next().is_some() {}
    }
}

/// Lets those go on who are spared: a stopped one may be given what two others have lost before the host knows.
pub(crate) fn spare(ledger: &Ledger) {
    let stopped = ledger.open().who_is_stopped();
    for (id, incarnation) in stopped {
        if ledger.open().is_spared(&id) {
            go_on(ledger, &id, incarnation);
        }
    }
}

/// Lets everybody go on who was stopped.
pub(crate) fn calm(ledger: &Ledger) {
    let stopped = ledger.open().who_is_stopped();
    for (id, incarnation) in stopped {
        go_on(ledger, &id, incarnation);
    }
}

fn between(draw: &mut Draw, (least, most): (Duration, Duration)) -> Duration {
    least + (most - least).mul_f64(draw.unit())
}

fn chosen(ledger: &Ledger, draw: u64) -> Option<CollectorId> {
    let mut unharmed = ledger.open().unharmed();
    let place = Draw::new(draw).below(unharmed.len());
    (place < unharmed.len()).then(|| unharmed.swap_remove(place))
}

/// Something may have happened since it was chosen.
fn target(book: &Book, victim: &CollectorId) -> Option<Presence> {
    book.presence(victim).filter(|presence| presence.is_unharmed() && !book.is_spared(victim))
}

fn kill(ledger: &Ledger, victim: &CollectorId, host: &Handle) {
    let mut book = ledger.open();
    let Some(presence) = target(&book, victim) else { return };
    if signal::kill(presence.pid, || host.kill(victim)) {
        book.killed(victim);
    }
}

fn stop(ledger: &Ledger, victim: &CollectorId) -> Option<Incarnation> {
    let mut book = ledger.open();
    let presence = target(&book, victim)?;
    signal::stop(presence.pid).then(|| {
        book.stopped(victim);
        presence.incarnation
    })
}

/// Unless another process has taken its place by now.
fn go_on(ledger: &Ledger, id: &CollectorId, incarnation: Incarnation) {
    let mut book = ledger.open();
    let same = |presence: &Presence| presence.incarnation == incarnation && presence.is_stopped();
    let Some(presence) = book.presence(id).filter(same) else { return };
    if signal::go_on(presence.pid) {
        book.went_on(id);
    }
}
