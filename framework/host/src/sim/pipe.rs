//! A stream in memory, shared by reference as a socket is.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// One end of a pipe. Dropping it is the end of the stream for the other one, after what is still in the pipe.
pub(super) struct Pipe(Mutex<DuplexStream>);

impl Pipe {
    /// Both ends of a pipe that takes so many bytes in each direction before its writer has to wait.
    pub(super) fn pair(capacity: usize) -> (Self, Self) {
        let (here, there) = duplex(capacity);
        (Self(Mutex::new(here)), Self(Mutex::new(there)))
    }

    fn stream(&self) -> MutexGuard<'_, DuplexStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for &Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(cx, into)
    }
}

impl AsyncWrite for &Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(cx, from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(cx)
    }
}
