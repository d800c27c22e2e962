//! Released sets, as they come.

mod set;

pub use set::Set;

use stook_proto::operator::{Event, RequestError};
use stook_proto::{RejectReason, Request, Subscription};
use stook_types::{MonoTime, Value};

use super::{Client, ClientError};

/// Released sets, looked at: from [`Client::tap`].
pub struct Tap {
    client: Client,
    aggregates: Vec<String>,
}

/// The sets of a sink, one after the other: from [`Client::consume`].
///
/// It connects once. When the host stops or dies, and is to be waited for, its user connects again, after a pause, and goes
/// on: what was not acknowledged comes again, with the same [`emission_id`](Set::emission_id).
///
/// ```no_run
/// # async fn detect(_: &stook::Set) {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use stook::{Client, Endpoint};
///
/// let host = Endpoint::of_host("stook")?;
/// let mut consumer = Client::connect(&host).await?.consume("detector").await?;
/// while let Some(set) = consumer.next().await? {
///     detect(&set).await;
///     consumer.ack(&set).await?; // not before: it will not come again
/// }
/// # Ok(()) }
/// ```
pub struct Consumer(Client);

/// What there is to be seen.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Seen {
    /// A released set.
    Set(Set),
    /// So many sets were released here, and were not sent: this process did not keep up.
    Skipped(u64),
}

impl Client {
    /// Looks at the sets that these aggregates release from now on; at those of all, if none is named. Holds up nobody: who
    /// is too slow is told how many sets were skipped.
    ///
    /// # Errors
    /// If there is no such aggregate, or the host does not answer.
    pub async fn tap<S: Into<String>>(
        self,
        aggregates: impl IntoIterator<Item = S>,
    ) -> Result<Tap, ClientError> {
        let to = Subscription::Aggregates(aggregates.into_iter().map(Into::into).collect());
        let (client, said) = self.subscribe(to).await?;
        let aggregates = said.at(&["subscribed", "aggregates"]).and_then(Value::as_array).unwrap_or_default();
        let aggregates = aggregates.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
        Ok(Tap { client, aggregates })
    }

    /// Consumes the sets of a sink, `use = "consumer"` in the host's config: each comes until it is acknowledged, and holds
    /// up the producers of its aggregate when too many are not.
    ///
    /// # Errors
    /// If there is no such sink, another process consumes its sets, or the host does not answer.
    pub async fn consume(self, sink: impl Into<String>) -> Result<Consumer, ClientError> {
        self.subscribe(Subscription::sink(sink)).await.map(|(client, _)| Consumer(client))
    }

    /// Gives also what the host says of it.
    async fn subscribe(mut self, to: Subscription) -> Result<(Self, Value), ClientError> {
        let said = self.ask(&Request::Subscribe(to)).await?;
        Ok((self, said))
    }

    /// The next thing to be seen; `None` when the host stops.
    async fn next_seen(&mut self) -> Result<Option<Seen>, ClientError> {
        loop {
            match self.session.poll(MonoTime::at(self.origin.elapsed()))? {
                Some(Event::Set(received)) => {
                    return Ok(Some(Seen::Set(Set::new(received, self.connection))));
                }
                Some(Event::Skipped(sets)) => return Ok(Some(Seen::Skipped(sets))),
                Some(Event::Rejected(rejection)) if rejection.reason == RejectReason::ShuttingDown => {
                    return Ok(None);
                }
                Some(Event::Rejected(rejection)) => return Err(ClientError::Rejected(rejection)),
                Some(_) => {}
                None => self.turn().await?,
            }
        }
    }
}

impl Tap {
    /// The aggregates that are looked at.
    pub fn aggregates(&self) -> &[String] {
        &self.aggregates
    }

    /// The next set, or how many are missing in its place; `None` when the host stops. Waits for as long as that takes.
    /// Cancelled, it loses nothing.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Seen>, ClientError> {
        self.client.next_seen().await
    }
}

impl Consumer {
    /// The next set; `None` when the host stops. Waits for as long as that takes. Up to 64 can be asked for before the first of
    /// them is acknowledged. Cancelled, it loses nothing, and goes on whenever it is called again.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Set>, ClientError> {
        loop {
            match self.0.next_seen().await? {
                Some(Seen::Set(set)) => return Ok(Some(set)),
                // There are none in the sets of a sink.
                Some(Seen::Skipped(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// This set, and all that came before it, is done with: it will not come again, and counts as delivered. Returns when that
    /// is on its way; cancelled, it still goes out with the next call.
    ///
    /// Whoever has several in hand at once acknowledges one when it and all that came before it are done with. One that came
    /// before another that was acknowledged is acknowledged already: to say so again does nothing.
    ///
    /// # Errors
    /// If the set did not come over this connection, or that has ended.
    pub async fn ack(&mut self, set: &Set) -> Result<(), ClientError> {
        let number = set.received.number;
        if set.connection != self.0.connection {
            return Err(RequestError::NoSuchSet(number).into());
        }
        self.0.session.acknowledge(number)?;
        self.0.flush().await;
        Ok(())
    }
}
