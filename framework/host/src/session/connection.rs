//! The stream of one session: bytes in, bytes out, nothing understood.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use stook_proto::{HostSession, Rejection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::acks::Acks;
use crate::hub::Hub;

/// Over any stream that is read and written by reference: sockets, and pipes in memory for tests.
pub(super) struct Connection<S> {
    hub: Arc<Hub>,
    stream: S,
    pub(super) protocol: HostSession,
    /// What is being written. The protocol's own buffer fills meanwhile, and its bound holds.
    outgoing: BytesMut,
    pub(super) acks: Acks,
    /// By when the peer must have taken so many bytes of what there is to write.
    owed: Option<(Instant, usize)>,
    /// The peer takes nothing more. What it sent before may still be there to read.
    deaf: bool,
    /// The peer may read as slowly as it likes.
    unhurried: bool,
}

/// What the socket had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Io {
    /// Something to understand.
    Read,
    /// Nothing, and the peer is owed less than before.
    Wrote,
    /// Nothing, and a deadline of the protocol has passed.
    Deadline,
    /// The end.
    Eof,
    /// The peer has not taken what there is to write for too long.
    Deaf,
}

/// How long a peer may take for what there is to write at one time. Not reset by every byte: whoever takes them one by one
/// would keep its tasks for ever.
const WRITE: Duration = Duration::from_secs(10);
/// How long the last words may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(250);

impl<S> Connection<S>
where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(hub: Arc<Hub>, stream: S) -> Self {
        let protocol = HostSession::new(hub.clock.now(), hub.limits);
        let (outgoing, acks) = (BytesMut::new(), Acks::default());
        Self { hub, stream, protocol, outgoing, acks, owed: None, deaf: false, unhurried: false }
    }

    /// Writes what there is to write until there is something to do about what was read. Loses nothing when it is
    /// cancelled: what was read is in the protocol's buffer, what was not written is still here.
    pub(super) async fn turn(&mut self) -> Io {
        loop {
            match self.step().await {
                Io::Wrote => {}
                io => return io,
            }
        }
    }

    /// The same, but returns as well when something was written.
    pub(super) async fn step(&mut self) -> Io {
        let mut moment = None;
        if self.outgoing.is_empty() && self.protocol.wants_transmit() {
            // Frames do not wait, and acknowledgements go along.
            moment = if self.protocol.outbound_bytes() == 0 { self.acks.wait() } else { None };
            if moment.is_none() {
                self.outgoing = self.protocol.transmit().split();
                self.acks.said();
            }
        }
        if self.deaf {
            self.outgoing.clear();
        }
        if self.outgoing.is_empty() || self.unhurried {
            self.owed = None;
        } else {
            let bytes = self.outgoing.len();
            self.owed.get_or_insert_with(|| (Instant::now() + WRITE, bytes));
        }
        let patience = self.owed.map(|(until, _)| until);
        let deadline = self.protocol.deadline().map(|deadline| self.hub.clock.instant(deadline));
        let (mut reader, mut writer) = (&self.stream, &self.stream);
        tokio::select! {
            biased;
            written = writer.write_buf(&mut self.outgoing), if !self.outgoing.is_empty() => {
                self.deaf = matches!(written, Ok(0) | Err(_));
                let written = written.unwrap_or(0);
                self.owed = self.owed.and_then(|(until, bytes)| Some((until, bytes.checked_sub(written)?)));
                self.owed = self.owed.filter(|(_, bytes)| *bytes > 0);
                Io::Wrote
            }
            read = reader.read_buf(self.protocol.read_buffer()) => match read {
                Ok(0) | Err(_) => Io::Eof,
                Ok(_) => Io::Read,
            },
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Io::Deadline,
            () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => Io::Deaf,
            // Time to write what has waited.
            () = sleep_until(moment.unwrap_or_else(Instant::now)), if moment.is_some() => Io::Wrote,
        }
    }

    /// From now on the peer may take what there is to write as slowly as it likes. What waits for it has a bound, and
    /// nobody has a task of it.
    pub(super) fn do_not_hurry(&mut self) {
        self.unhurried = true;
    }

    /// Whether commands may be put into frames. At three quarters of what may wait to be read by the peer they wait
    /// where they are, so that acknowledgements and credit still find room.
    pub(super) fn has_room(&self) -> bool {
        self.outgoing.len() + self.protocol.outbound_bytes() < self.hub.limits.max_outbound_bytes / 4 * 3
    }

    /// Tells the peer why it ends, if it listens, and closes. What was to be said before goes first.
    pub(super) async fn reject(mut self, rejection: &Rejection) {
        self.take_output();
        self.protocol.reject(rejection);
        self.take_output();
        let mut stream = &self.stream;
        let write = async {
            stream.write_all_buf(&mut self.outgoing).await?;
            stream.flush().await?;
            stream.shutdown().await?;
            // On some systems closing discards what the peer has not read.
            let mut rest = [0; 4096];
            while stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        // The peer may be gone, or not listening; it is closed either way.
        let _ = timeout(LAST_WORDS, write).await;
    }

    /// Writes what is left and closes, for a peer that waits for that.
    pub(super) async fn part(mut self) {
        self.take_output();
        let _ = timeout(LAST_WORDS, (&self.stream).write_all_buf(&mut self.outgoing)).await;
    }

    fn take_output(&mut self) {
        let more = self.protocol.transmit().split();
        self.outgoing.unsplit(more);
    }
}
