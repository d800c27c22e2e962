//! What stook is measured against: a socket with as many processes at its other end, and nothing else.

use std::future::Future;
use std::io;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use stook::Endpoint;
use stook_proto::transport::Stream;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Halt;
use super::fixture::{Children, PATIENCE, program};

/// A server on a thread of its own, and its clients: this program once more. Dropped, it takes all of it along.
pub(super) struct Bare {
    clients: Children,
    running: Option<JoinHandle<io::Result<()>>>,
    /// After whoever has something in it.
    _directory: TempDir,
}

impl Bare {
    /// Starts as many clients as there are lists of words for them, and serves each until it goes.
    pub(super) fn start<F>(
        clients: impl IntoIterator<Item = Vec<String>>,
        serve: impl Fn(Stream) -> F + Send + 'static,
    ) -> Result<Self, Halt>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let directory = tempfile::Builder::new().prefix("stook").tempdir().map_err(Halt::failed)?;
        let endpoint = Endpoint::in_directory(directory.path().join("bare"));
        let clients: Vec<_> = clients.into_iter().collect();
        let (listening, listens) = channel();
        let (place, count) = (endpoint.clone(), clients.len());
        let running = std::thread::spawn(move || {
            Builder::new_current_thread().enable_all().build()?.block_on(async {
                let lock = place.lock().map_err(io::Error::other)?;
                let listener = lock.bind().await.map_err(io::Error::other)?;
                let _ = listening.send(());
                let mut served = JoinSet::new();
                for _ in 0..count {
                    let (stream, _) =
                        timeout(PATIENCE, listener.accept()).await?.map_err(io::Error::other)?;
                    served.spawn(serve(stream));
                }
                // One that is killed may end in an error; its figures are missing then.
                while served.join_next().await.is_some() {}
                Ok(())
            })
        });
        let mut bare = Self { clients: Children::default(), running: Some(running), _directory: directory };
        listens.recv_timeout(PATIENCE).map_err(|_| Halt::failed("the bare server does not listen"))?;
        for words in clients {
            let client =
                program(&endpoint, "bare", &words).and_then(|mut it| it.stdout(Stdio::piped()).spawn());
            bare.clients.add(client.map_err(Halt::failed)?);
        }
        Ok(bare)
    }

    /// What the clients have printed, once all have ended.
    pub(super) fn outputs(mut self) -> Result<Vec<Vec<u8>>, Halt> {
        let outputs = self.clients.take().into_iter().map(Child::wait_with_output);
        outputs.map(|output| output.map(|output| output.stdout).map_err(Halt::failed)).collect()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.clients = Children::default();
        if let Some(running) = self.running.take() {
            // It has done its part, or what it has not is known by now.
            let _ = running.join();
        }
    }
}
