//! Lets connections in: each is served on a task of its own, so that nobody waits for anybody's handshake.

use std::fmt::Display;
use std::sync::Arc;

use stook_proto::transport::Peer;
use stook_proto::{HostSession, RejectReason, Rejection};
use stook_types::Quiet;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, sleep_until, timeout};

use crate::control::Message;
use crate::event::Refused;
use crate::hub::{Hub, Phase, reached};
use crate::session::{self, Open};
use crate::strangers::Strangers;

/// Connections at all.
const CONNECTIONS: usize = 4_096;
/// After a failure to accept, for instance for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Such failures that are logged within a minute: as long as it lasts, there are 20 a second.
const LOGGED: u32 = 3;

/// Accepts until the host stops; returns when every session has ended. Closes the door at once when it stops.
///
/// `accept` gives the next connection. Cancelled, it takes none with it.
pub(crate) async fn run<S, E>(hub: Arc<Hub>, accept: impl AsyncFn() -> Result<(S, Peer), E>, open: Open)
where
    S: Send + Sync + 'static,
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin + Send,
    E: Display,
{
    let strangers = Strangers::default();
    let mut phase = hub.phase.subscribe();
    let mut sessions = JoinSet::new();
    let mut failures = Quiet::new(LOGGED, Duration::from_secs(60));
    loop {
        let due = failures.next();
        let accepted = tokio::select! {
            biased;
            () = reached(&mut phase, Phase::Stopping) => break,
            Some(_) = sessions.join_next() => continue,
            () = sleep_until(hub.clock.instant(due.unwrap_or_default())), if due.is_some() => {
                for ((), left_out) in failures.take_ended(hub.clock.now()) {
                    tracing::warn!(left_out, "more connections could not be accepted");
                }
                continue;
            }
            accepted = accept() => accepted,
        };
        // Every check is made after the connection is ours: a cancelled accept takes nothing with it.
        let refused = match accepted {
            Err(error) => {
                if failures.admits(hub.clock.now(), ()) {
                    tracing::warn!(%error, "a connection cannot be accepted at present");
                }
                sleep(PAUSE).await;
                continue;
            }
            Ok((_, peer)) if !peer.is_ours() => {
                let who = peer.uid.map_or_else(|| "another user".to_owned(), |uid| format!("user {uid}"));
                let why = format!("{who} is not the one whom this host runs as");
                Refused { collector: None, reason: RejectReason::Token, why }
            }
            Ok((stream, peer)) => {
                let place = match strangers.place(peer.pid) {
                    Ok(_) if sessions.len() >= CONNECTIONS => {
                        Err(format!("there are {CONNECTIONS} connections already"))
                    }
                    place => place,
                };
                match place {
                    Ok(place) => {
                        sessions.spawn(session::serve(hub.clone(), stream, peer, place, open.clone()));
                        continue;
                    }
                    Err(full) => {
                        turn_away(&hub, &stream, &full).await;
                        Refused { collector: None, reason: RejectReason::Busy, why: full }
                    }
                }
            }
        };
        // Not awaited: the door does not wait for control.
        hub.count_refused();
        let _ = hub.control.try_send(Message::Refused(refused));
    }
    drop((accept, open));
    while sessions.join_next().await.is_some() {}
}

/// Tells a connection that there is no place for it, if that can be done without waiting.
async fn turn_away(hub: &Hub, mut stream: impl AsyncWrite + Unpin, why: &str) {
    let mut session = HostSession::new(hub.clock.now(), hub.limits);
    session.reject(&Rejection::new(RejectReason::Busy, why, "connect again after a while"));
    let _ = timeout(Duration::ZERO, stream.write_all(session.transmit())).await;
}
