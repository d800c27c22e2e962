//! What every part of a running host shares.

use stook_engine::ResultAggregator;
use stook_proto::host::HostLimits;
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::config::Ack;
use crate::control::Message;
use crate::delivery::Delivery;
use crate::ticker::Ticker;

pub(crate) struct Hub {
    pub(crate) clock: Clock,
    pub(crate) aggregator: ResultAggregator,
    /// Per aggregate, in the order of the specs.
    pub(crate) acks: Vec<Ack>,
    pub(crate) delivery: Delivery,
    pub(crate) ticker: Ticker,
    pub(crate) limits: HostLimits,
    /// To the one task that owns who is there.
    pub(crate) control: mpsc::Sender<Message>,
    /// Becomes true when sessions are to end.
    pub(crate) closing: watch::Sender<bool>,
}
