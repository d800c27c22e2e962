use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::SyncSender;

use stook_plugin::{AggregatedResult, Merged, Reason, SetKey};
use stook_types::{CorrelationId, EmissionId, Outcome, Value, WallTime};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::*;
use crate::control::Message;

/// Fails as long as it shall, and says when it is called.
struct Fails(Arc<AtomicBool>, SyncSender<()>);

impl Sink for Fails {
    fn deliver(&mut self, _: &AggregatedResult) -> Result<(), SinkError> {
        let _ = self.1.try_send(());
        if self.0.load(Ordering::Relaxed) { Err(SinkError::new("no space")) } else { Ok(()) }
    }
}

fn parcel() -> Arc<Parcel> {
    let now = WallTime::from_unix_micros(0);
    let result = AggregatedResult {
        aggregate: "a".into(),
        correlation_id: SetKey::Id(CorrelationId::random()),
        emission_id: EmissionId::derive("a", "1", 1, 1),
        generation: 1,
        revision: 1,
        outcome: Outcome::Partial,
        reason: Reason::Timeout,
        error: None,
        value: Merged::Value(Value::Null),
        provenance: vec![],
        results: 0,
        duplicates: 0,
        repeats: vec![],
        contributors: vec![],
        missing: vec![],
        conflicts: vec![],
        opened_at: now,
        released_at: now,
        latency_us: 0,
    };
    let (settlement, open) = (Mutex::default(), AtomicUsize::new(1));
    Arc::new(Parcel { result, origins: vec![], settlement, bytes: 0, open })
}

const SOON: Duration = Duration::from_secs(30);

async fn said(inbox: &mut mpsc::Receiver<Message>) -> Message {
    timeout(SOON, inbox.recv()).await.expect("it is said in time").expect("it is open")
}

#[tokio::test]
async fn control_hears_that_a_sink_fails_and_recovers_though_it_had_no_room() {
    let (control, mut inbox) = mpsc::channel(1);
    control.try_send(Message::Stop).expect("there is room for one");
    let (progress, mut delivered) = watch::channel(0);
    let shared = Arc::new(Shared { mailboxes: Arc::default(), progress, control: control.clone() });
    let (fails, (calls, called)) = (Arc::new(AtomicBool::new(true)), sync_channel(64));
    let outbox = Arc::new(Outbox::new("file".into(), usize::MAX));
    let worker =
        Worker::start(Box::new(Fails(fails.clone(), calls)), outbox.clone(), shared).expect("a thread");
    assert!(outbox.push(parcel()), "it is the first");
    outbox.wake();
    // By then its pauses are as long as they get.
    (0..9).for_each(|_| called.recv_timeout(SOON).expect("it is tried again"));
    assert!(matches!(said(&mut inbox).await, Message::Stop));
    let why = said(&mut inbox).await;
    assert!(matches!(why, Message::Sink { fails: Some(why), .. } if why == "no space"));

    control.try_send(Message::Stop).expect("there is room for one");
    fails.store(false, Ordering::Relaxed);
    timeout(SOON, delivered.changed()).await.expect("it is delivered in time").expect("it is open");
    assert!(matches!(said(&mut inbox).await, Message::Stop));
    assert!(matches!(said(&mut inbox).await, Message::Sink { fails: None, .. }));
    worker.close();
    worker.finish(Instant::now() + SOON);
}
