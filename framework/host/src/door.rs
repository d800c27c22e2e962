//! Lets connections in: each is served on a task of its own, so that nobody waits for anybody's handshake.

use std::sync::Arc;

use stook_proto::transport::Listener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::control::Message;
use crate::hub::{Hub, Phase, reached};
use crate::session::{self, Open};

/// Connections that have not introduced themselves yet.
const STRANGERS: usize = 64;
/// Connections at all.
const CONNECTIONS: usize = 4_096;
/// After a failure to accept, for instance for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the host stops; returns when every session has ended. Closes the door at once when it stops.
pub(crate) async fn run(hub: Arc<Hub>, listener: Listener, open: Open) {
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let mut phase = hub.phase.subscribe();
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = sessions.join_next() => continue,
            () = reached(&mut phase, Phase::Stopping) => break,
        };
        // Every check is made after the connection is ours: a cancelled accept takes nothing with it.
        let refused = match accepted {
            Err(error) => {
                tracing::warn!(%error, "cannot accept at present");
                sleep(PAUSE).await;
                continue;
            }
            Ok((_, peer)) if !peer.is_ours() => format!("user {:?} is not ours", peer.uid),
            Ok(_) if sessions.len() >= CONNECTIONS => format!("there are {CONNECTIONS} connections already"),
            Ok((stream, peer)) => match strangers.clone().try_acquire_owned() {
                Ok(permit) => {
                    sessions.spawn(session::serve(hub.clone(), stream, peer, permit, open.clone()));
                    continue;
                }
                Err(_) => format!("{STRANGERS} connections have not introduced themselves yet"),
            },
        };
        // Not awaited: the door does not wait for control.
        let _ = hub.control.try_send(Message::Refused(refused));
    }
    drop((listener, open));
    while sessions.join_next().await.is_some() {}
}
