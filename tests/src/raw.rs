//! A client that says whatever a test wants, right or wrong, over a real connection.

use bytes::{Bytes, BytesMut};
use prost::Message;
use stook_proto::transport::{Endpoint, Stream};
use stook_proto::wire::frame::Body;
use stook_proto::wire::results::{Item, item};
use stook_proto::{Decoder, VERSION, wire};
use stook_types::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::soon;

/// One connection.
pub struct Raw {
    stream: Stream,
    decoder: Decoder,
}

impl Raw {
    /// Connects, and says nothing.
    pub async fn connect(endpoint: &Endpoint) -> Self {
        let stream = soon(endpoint.connect()).await.expect("a host listens");
        Self { stream, decoder: Decoder::new(u32::MAX) }
    }

    /// Connects and introduces itself; gives the host's terms.
    pub async fn join(endpoint: &Endpoint, hello: wire::Hello) -> (Self, wire::Welcome) {
        let mut raw = Self::connect(endpoint).await;
        raw.say(hello).await;
        let welcome =
            raw.hear(|body| if let Body::Welcome(welcome) = body { Some(welcome) } else { None }).await;
        (raw, welcome)
    }

    /// The connection itself.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Sends a whole frame.
    pub async fn say(&self, frame: impl Into<wire::Frame>) {
        self.send(&framed(frame)).await;
    }

    /// Sends bytes. That the host has closed already is no error: what it said can still be read.
    pub async fn send(&self, bytes: &[u8]) {
        let _ = soon((&self.stream).write_all(bytes)).await;
    }

    /// What the host says next; `None` if it has closed.
    pub async fn next(&mut self) -> Option<Body> {
        loop {
            if let Some(frame) = self.decoder.next_frame().expect("within the limit") {
                return wire::Frame::decode(frame).expect("a frame").body;
            }
            // A reset is an end as well: the host does not read what is of no use any more.
            if soon((&self.stream).read_buf(self.decoder.read_buffer())).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The wanted one of the next things that the host says; those before it are forgotten.
    pub async fn hear<T>(&mut self, wanted: impl Fn(Body) -> Option<T>) -> T {
        loop {
            let body = self.next().await.expect("the host says it before it closes");
            if let Body::Reject(reject) = &body
                && wanted(body.clone()).is_none()
            {
                panic!("{reject:?}");
            }
            if let Some(found) = wanted(body) {
                return found;
            }
        }
    }

    /// Why the host ends the session, and that it closes after that.
    pub async fn rejected(mut self) -> wire::Reject {
        let reject =
            self.hear(|body| if let Body::Reject(reject) = body { Some(reject) } else { None }).await;
        assert!(!reject.text.is_empty() && !reject.remedy.is_empty(), "{reject:?}");
        assert_eq!(self.next().await, None, "nothing follows");
        reject
    }

    /// Waits until these sequences are acknowledged; none may be refused.
    pub async fn acknowledged(&mut self, through: u64) {
        let mut settled = stook_proto::Sequences::default();
        while settled.floor() < through {
            let ack = self.ack().await;
            assert!(ack.refused.is_empty(), "{ack:?}");
            let now = ack.settled.unwrap_or_default();
            settled.insert_range(1, now.floor);
            now.ranges.iter().for_each(|range| settled.insert_range(range.first, range.last));
        }
    }

    /// The next acknowledgement.
    pub async fn ack(&mut self) -> wire::Ack {
        self.hear(|body| if let Body::Ack(ack) = body { Some(ack) } else { None }).await
    }

    /// The next task.
    pub async fn assignment(&mut self) -> wire::Assign {
        self.hear(|body| if let Body::Assign(assign) = body { Some(assign) } else { None }).await
    }
}

/// A frame with its length.
pub fn framed(frame: impl Into<wire::Frame>) -> BytesMut {
    let mut bytes = BytesMut::new();
    stook_proto::encode(frame, &mut bytes);
    bytes
}

/// The introduction of a collector with one topic, that runs nothing.
pub fn hello(id: &str, topic: &str) -> wire::Hello {
    wire::Hello {
        protocol_major: VERSION.major,
        protocol_minor: VERSION.minor,
        id: id.into(),
        kind: "raw".into(),
        incarnation: Bytes::copy_from_slice(Uuid::new_v4().as_bytes()),
        pid: std::process::id(),
        replay_capacity: 64,
        topics: vec![topic.into()],
        ..wire::Hello::default()
    }
}

/// The same, with a capability that it runs one at a time.
pub fn worker(id: &str, topic: &str, capability: &str) -> wire::Hello {
    let capability = wire::Capability { name: capability.into(), concurrency: 1, topics: vec![0] };
    wire::Hello { capabilities: vec![capability], ..hello(id, topic) }
}

/// A result on the first topic.
pub fn item(sequence: u64, correlation_id: &str, value: impl Into<Value>) -> Item {
    let payload = stook_proto::payload(&value.into()).expect("flat");
    Item {
        sequence,
        correlation: Some(item::Correlation::Text(correlation_id.into())),
        payload: payload.bytes().clone(),
        ..Item::default()
    }
}

/// A batch of one.
pub fn result(sequence: u64, correlation_id: &str, value: impl Into<Value>) -> wire::Results {
    wire::Results { items: vec![item(sequence, correlation_id, value)] }
}

/// An answer to a task, under its correlation ID.
pub fn answer(sequence: u64, assign: &wire::Assign, value: impl Into<Value>) -> wire::Results {
    let correlation = match assign.correlation.clone().and_then(|correlation| correlation.id) {
        Some(wire::correlation::Id::Uuid(uuid)) => item::Correlation::Uuid(uuid),
        Some(wire::correlation::Id::Text(text)) => item::Correlation::Text(text),
        None => panic!("{assign:?}"),
    };
    wire::Results { items: vec![Item { correlation: Some(correlation), ..item(sequence, "", value) }] }
}

/// A frame that has exactly this many bytes after its length: two results, of this sequence and the next, so that
/// neither is larger than a result may be.
///
/// # Panics
/// If there is no such frame: where a length takes a byte more, a size is left out.
pub fn frame_of(size: usize, sequence: u64, correlation_id: &str) -> BytesMut {
    let second = size / 4;
    let mut first = size - second;
    for _ in 0..8 {
        let of = |sequence, bytes| {
            // No value that can be decoded: the host passes it on as it is.
            Item {
                payload: vec![7; bytes].into(),
                ..item(sequence, &format!("{correlation_id} {sequence}"), 0)
            }
        };
        let items = vec![of(sequence, first), of(sequence + 1, second)];
        let frame = framed(wire::Results { items });
        let now = frame.len() - 4;
        if now == size {
            return frame;
        }
        first = (first + size).checked_sub(now).expect("the envelopes are smaller");
    }
    panic!("no frame has {size} bytes")
}
