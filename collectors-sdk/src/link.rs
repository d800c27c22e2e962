//! How a collector comes to its host.

use std::future::Future;

use stook_proto::transport::{Endpoint, EndpointError, Stream};
use tokio::io::{AsyncRead, AsyncWrite};

/// Where connections come from: the socket of a host, or the pipes of a test.
pub(crate) trait Connect: Send + Sync + 'static {
    /// Open for as long as it is held.
    type Connection: Send;

    /// A new connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, EndpointError>> + Send;

    /// Its two directions, to be used at the same time.
    fn halves(
        connection: &mut Self::Connection,
    ) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send);
}

impl Connect for Endpoint {
    type Connection = Stream;

    async fn connect(&self) -> Result<Stream, EndpointError> {
        Self::connect(self).await
    }

    fn halves(stream: &mut Stream) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send) {
        (&*stream, &*stream)
    }
}
