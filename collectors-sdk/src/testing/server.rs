//! The host's side of the pipes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};
use stook_types::MonoTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::book::Book;

/// The book, and who is to be told about it.
pub(super) struct Shared {
    book: Mutex<Book>,
    origin: Instant,
    /// Something was heard.
    pub(super) heard: Notify,
    /// Something is to be said, or to be done otherwise.
    pub(super) told: Notify,
    /// The connection is to break.
    pub(super) broken: Notify,
}

impl Shared {
    pub(super) fn new(book: Book) -> Self {
        Self {
            book: Mutex::new(book),
            origin: Instant::now(),
            heard: Notify::new(),
            told: Notify::new(),
            broken: Notify::new(),
        }
    }

    /// The book. Held for a call only, and as good as any if a test has panicked with it.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> MonoTime {
        MonoTime::at(self.origin.elapsed())
    }
}

/// Serves one connection after the other.
pub(super) async fn serve(shared: Arc<Shared>, mut connections: mpsc::Receiver<DuplexStream>) {
    while let Some(stream) = connections.recv().await {
        let now = shared.now();
        shared.book().connected(now);
        connection(&shared, stream).await;
        shared.book().disconnected();
        shared.heard.notify_waiters();
    }
}

async fn connection(shared: &Shared, stream: DuplexStream) {
    let (mut reader, mut writer) = split(stream);
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    loop {
        let stalled = {
            let mut book = shared.book();
            if output.is_empty()
                && let Some(session) = &mut book.session
            {
                output = session.transmit().split();
            }
            if book.closing && output.is_empty() && !book.stalled {
                return;
            }
            book.stalled
        };
        tokio::select! {
            biased;
            () = shared.broken.notified() => return,
            () = shared.told.notified() => {}
            read = reader.read_buf(&mut input), if !stalled => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let now = shared.now();
                    let mut book = shared.book();
                    if let Some(session) = &mut book.session {
                        session.read_buffer().extend_from_slice(&input);
                        input.clear();
                    }
                    book.hear(now);
                    drop(book);
                    shared.heard.notify_waiters();
                }
            },
            wrote = writer.write(&output), if !stalled && !output.is_empty() => match wrote {
                Ok(0) | Err(_) => return,
                Ok(n) => output.advance(n),
            },
        }
    }
}
