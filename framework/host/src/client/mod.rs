//! A host, asked from another process.

mod subscription;

pub use subscription::{Consumer, Seen, Set, Tap};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stook_proto::operator::{Event, RequestError};
use stook_proto::transport::{Endpoint, EndpointError, Stream};
use stook_proto::{OperatorSession, Rejection, Request, SessionError, Submission};
use stook_types::{CollectorId, MonoTime, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// A connection to a host that runs, for operators and consumers: what `stook status`, `submit`, `restart` and `tap` use.
/// [`tap`](Self::tap) and [`consume`](Self::consume) make it one over which released sets come.
///
/// ```no_run
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// use stook::{Client, Endpoint};
///
/// let mut client = Client::connect(&Endpoint::of_host("stook")?).await?;
/// println!("{:?}", client.status().await?);
/// # Ok(()) }
/// ```
pub struct Client {
    stream: Stream,
    session: OperatorSession,
    origin: Instant,
    /// Tells it from all others of this process: numbers of sets begin anew with each.
    connection: u64,
}

/// Why a host did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no host to ask.
    #[error(transparent)]
    Unreachable(#[from] EndpointError),
    /// The connection broke.
    #[error("the connection to the host broke: {0}")]
    Io(#[from] std::io::Error),
    /// The host closed the connection: it was killed, or has ended otherwise.
    #[error("the host closed the connection and did not say why")]
    Closed,
    /// It takes too long: a host that is alive answers at once.
    #[error("the host did not answer within {0:?}")]
    Timeout(Duration),
    /// The request was understood, and refused.
    #[error("{text}")]
    Refused {
        /// Why.
        text: String,
        /// What would be right.
        remedy: String,
    },
    /// The host ended the session.
    #[error("{0}")]
    Rejected(Rejection),
    /// The request cannot be made.
    #[error("failed to ask: {0}")]
    Request(#[from] RequestError),
    /// The host does not speak as it should.
    #[error("the host does not keep to the protocol: {0}")]
    Protocol(#[from] SessionError),
}

impl ClientError {
    /// Whether another attempt of the same process can succeed without anybody changing anything but to start the host.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(EndpointError::NoHost { .. })
            | Self::Io(_)
            | Self::Closed
            | Self::Timeout(_) => true,
            Self::Rejected(rejection) => rejection.reason.is_temporary(),
            _ => false,
        }
    }
}

/// How long a host may take for an answer that it does not have to wait for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// Connects to a host.
    ///
    /// # Errors
    /// If there is none.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let stream = endpoint.connect().await?;
        static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
        let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { stream, session: OperatorSession::new(), origin: Instant::now(), connection })
    }

    /// How things stand: what `stook status --format json` prints.
    ///
    /// # Errors
    /// If the host does not answer.
    pub async fn status(&mut self) -> Result<Value, ClientError> {
        self.ask(&Request::Status).await
    }

    /// Has a collector started again, whatever became of it before.
    ///
    /// # Errors
    /// If it is none that the host starts, or the host does not answer.
    pub async fn restart(&mut self, collector: CollectorId) -> Result<(), ClientError> {
        self.ask(&Request::Restart(collector)).await.map(drop)
    }

    /// Has a task run. Gives the first answer, an object with the field `submitted`: what is known of the task, with `task`,
    /// `correlation_id`, how many `sets` will be released for it, how many of its parts are `assigned`, are `waiting` and
    /// have nobody (`missing`), and the capabilities that are `unknown`. With [`wait`](Submission::wait) more answers
    /// follow, see [`next`](Self::next).
    ///
    /// # Errors
    /// If nobody could ever run it, or the host does not answer.
    pub async fn submit(&mut self, submission: Submission) -> Result<Value, ClientError> {
        self.ask(&Request::Submit(submission)).await
    }

    /// The next answer to a task that is waited for: an object with the field `result`, a released set, or with the field
    /// `ended`, the last: its `outcome`, and `failures`, each with `collector` (null where it was nobody's), `reason` and
    /// `text`. Waits for as long as that takes.
    ///
    /// # Errors
    /// If the host ends before.
    pub async fn next(&mut self) -> Result<Value, ClientError> {
        loop {
            match self.session.poll(MonoTime::at(self.origin.elapsed()))? {
                Some(Event::Reply { value, .. }) => return Ok(value),
                Some(Event::Failed { text, remedy }) => return Err(ClientError::Refused { text, remedy }),
                Some(Event::Rejected(rejection)) => return Err(ClientError::Rejected(rejection)),
                Some(_) => {}
                None => self.turn().await?,
            }
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.session.request(request)?;
        timeout(PATIENCE, self.next()).await.map_err(|_| ClientError::Timeout(PATIENCE))?
    }

    /// Writes what there is to write, and reads something. Cancelled, it loses neither.
    async fn turn(&mut self) -> Result<(), ClientError> {
        loop {
            let (mut reader, mut writer) = (&self.stream, &self.stream);
            let wants_write = self.session.wants_transmit();
            let (input, output) = self.session.buffers();
            tokio::select! {
                biased;
                written = writer.write_buf(output), if wants_write => {
                    if !matches!(written, Ok(1..)) {
                        // A host that has rejected us reads no more; what it said is still there to be read.
                        output.clear();
                    }
                }
                read = reader.read_buf(input) => return match read? {
                    0 => Err(ClientError::Closed),
                    _ => Ok(()),
                },
            }
        }
    }

    /// Writes what there is to write, all of it. Cancelled, it loses nothing: the rest is written later.
    async fn flush(&mut self) {
        while self.session.wants_transmit() {
            if !matches!((&self.stream).write_buf(self.session.transmit()).await, Ok(1..)) {
                self.session.transmit().clear();
            }
        }
    }
}
