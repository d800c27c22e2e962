//! A short session of both state machines, with inputs that never change.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::time::Duration;

use protox::prost_reflect::DescriptorPool;
use stook_proto::collector::{Declaration, Event as Told, NewResult, ReplayLimits};
use stook_proto::host::{Event, HostLimits};
use stook_proto::{
    Assignment, CapabilityDeclaration, CollectorHeartbeat, CollectorSession, HostSession, Lease, LoadMetrics,
    OperatorSession, RejectReason, Rejection, Request, Subscription, TaskOutcome, Token,
};
use stook_types::{
    Capability, CollectorId, CorrelationId, Incarnation, MonoTime, Refusal, SessionEpoch, TaskId, Topic,
    Value,
};
use uuid::Uuid;

use crate::dump;

const NOW: MonoTime = MonoTime::ZERO;
const LIFE: NonZeroU32 = NonZeroU32::new(0x0102_0304).unwrap();

/// Both ends, and what they have said.
struct Both {
    collector: CollectorSession,
    host: HostSession,
    files: DescriptorPool,
    out: String,
}

pub(crate) fn dump() -> String {
    let mut both = Both::new();
    both.introduce();
    both.answer();
    both.cancel();
    both.leave();
    both.come_again();
    both.consume();
    both.out
}

impl Both {
    fn new() -> Self {
        Self {
            collector: CollectorSession::new(declaration(), ReplayLimits::default()),
            host: HostSession::new(NOW, HostLimits::default()),
            files: dump::descriptors(),
            out: String::new(),
        }
    }

    /// What the collector has to say goes to the host, and is written down. Gives what the host makes of it.
    fn up(&mut self) -> Vec<Event> {
        let bytes = self.collector.transmit().split();
        self.write("collector -> host", &bytes);
        self.host.read_buffer().extend_from_slice(&bytes);
        std::iter::from_fn(|| self.host.poll(NOW).expect("a good collector")).collect()
    }

    /// The same the other way.
    fn down(&mut self) -> Vec<Told> {
        let bytes = self.host.transmit().split();
        self.write("host -> collector", &bytes);
        self.collector.read_buffer().extend_from_slice(&bytes);
        std::iter::from_fn(|| self.collector.poll(NOW).expect("a good host")).collect()
    }

    /// Each frame of what goes in one piece.
    fn write(&mut self, way: &str, mut bytes: &[u8]) {
        assert!(!bytes.is_empty(), "there is something to say");
        while let Some(length) = bytes.first_chunk() {
            let frame;
            (frame, bytes) = bytes.split_at(4 + u32::from_le_bytes(*length) as usize);
            writeln!(self.out, "{way}").expect("a string takes it");
            dump::frame(&self.files, frame, &mut self.out);
        }
    }

    fn heading(&mut self, text: &str) {
        let gap = if self.out.is_empty() { "" } else { "\n" };
        writeln!(self.out, "{gap}# {text}").expect("a string takes it");
    }

    fn introduce(&mut self) {
        self.heading("The collector connects, and is taken.");
        self.collector.connect(NOW);
        assert!(matches!(&self.up()[..], [Event::Hello(_)]));
        self.host.welcome(SessionEpoch(1), Duration::from_secs(2), Lease::origin(LIFE));
        assert!(matches!(&self.down()[..], [Told::Welcome(_)]));
    }

    fn answer(&mut self) {
        self.heading("A task, and its answer. The credit of a result comes back when it is in its set.");
        let lease = Lease::origin(LIFE).next();
        self.assign(lease, 1);
        self.collector.task_started(lease);
        self.record(Some(lease), "scan", &Value::from([("pid", 4711)]));
        self.collector.task_finished(lease, TaskOutcome::Done);
        let said = self.up();
        let [Event::TaskStarted(_), Event::Results(results), Event::TaskFinished { .. }] = &said[..] else {
            panic!("{said:?}")
        };
        self.host.return_credit(1, results[0].payload.len() as u64);
        self.host.ack(results[0].sequence);
        assert!(self.down().is_empty());

        self.heading("A result that no task asked for, under a UUID. It is too late, and settled by that.");
        self.record(None, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", &Value::Null);
        assert!(matches!(&self.up()[..], [Event::Results(_)]));
        self.host.return_credit(1, 2);
        self.host.refuse(2, Refusal::Late);
        assert!(matches!(&self.down()[..], [Told::Refused { sequence: 2, .. }]));
    }

    fn cancel(&mut self) {
        self.heading("A task that the host wants no more. It is answered all the same.");
        let lease = Lease::origin(LIFE).next().next();
        self.assign(lease, 2);
        self.host.fence(lease);
        assert!(matches!(&self.down()[..], [Told::Cancelled(_)]));
        self.collector.task_finished(lease, TaskOutcome::Failed("cancelled by the host".into()));
        assert!(matches!(&self.up()[..], [Event::TaskFinished { .. }]));

        self.heading("Nothing to say for a while.");
        let load = LoadMetrics { queue_depth: 0, active_tasks: 0, cpu: None, memory_bytes: Some(1 << 20) };
        self.collector.heartbeat(NOW, CollectorHeartbeat { progress: 4, load });
        assert!(matches!(&self.up()[..], [Event::Heartbeat(_)]));
    }

    fn leave(&mut self) {
        self.heading("The host stops. A task that cannot be finished in time is given back.");
        let lease = Lease::origin(LIFE).next().next().next();
        self.assign(lease, 3);
        self.host.drain(Duration::from_secs(5));
        assert!(matches!(&self.down()[..], [Told::Drain(_)]));
        self.record(None, "scan", &Value::from("last words"));
        self.collector.task_finished(lease, TaskOutcome::Returned("the collector leaves".into()));
        self.collector.goodbye("drained by the host");
        let said = self.up();
        assert!(matches!(&said[..], [Event::Results(_), Event::TaskFinished { .. }, Event::Goodbye(_)]));
        // It closes without an acknowledgement: the connection broke, as far as the collector knows.
    }

    fn come_again(&mut self) {
        self.heading(
            "Another connection: what was not acknowledged comes again. This host takes it no more.",
        );
        self.collector.connect(NOW);
        self.host = HostSession::new(NOW, HostLimits::default());
        assert!(matches!(&self.up()[..], [Event::Hello(hello)] if hello.settled.floor() == 2));
        self.host.reject(&Rejection::new(
            RejectReason::Superseded,
            "another process is `p-1` by now",
            "exit: what you had was given to others",
        ));
        assert!(matches!(&self.down()[..], [Told::Rejected(_)]));
    }

    fn consume(&mut self) {
        self.heading("A consumer of the sink `detector` connects, is sent a set, and acknowledges it.");
        let mut consumer = OperatorSession::new();
        self.host = HostSession::new(NOW, HostLimits::default());
        consumer.request(&Request::Subscribe(Subscription::sink("detector"))).expect("ready");
        let bytes = consumer.transmit().split();
        self.write("consumer -> host", &bytes);
        self.host.read_buffer().extend_from_slice(&bytes);
        assert!(matches!(self.host.poll(NOW), Ok(Some(Event::Request(Request::Subscribe(_))))));
        let subscribed = Value::from([("sink", Value::from("detector")), ("window", 64.into())]);
        self.host.reply(&Value::from([("subscribed", subscribed)]), true).expect("asked");
        let set = Value::from([("aggregate", Value::from("a")), ("value", Value::from_iter([4711.into()]))]);
        let set = stook_proto::payload(&set).expect("flat").bytes().clone();
        self.host.send_set(set, "").expect("there is room");
        let bytes = self.host.transmit().split();
        self.write("host -> consumer", &bytes);
        consumer.read_buffer().extend_from_slice(&bytes);
        while consumer.poll(NOW).expect("a good host").is_some() {}
        consumer.acknowledge(1).expect("it has come");
        let bytes = consumer.transmit().split();
        self.write("consumer -> host", &bytes);
        self.host.read_buffer().extend_from_slice(&bytes);
        assert!(matches!(self.host.poll(NOW), Ok(Some(Event::Acknowledged(1)))));
    }

    fn assign(&mut self, lease: Lease, task: u128) {
        let assignment = Assignment {
            lease,
            task: TaskId(Uuid::from_u128(task)),
            capability: Capability::new("list").expect("valid"),
            correlation_id: CorrelationId::new("scan").expect("valid"),
            payload: stook_proto::payload(&Value::Null).expect("flat"),
            timeout: Some(Duration::from_secs(30)),
        };
        self.host.assign(&assignment).expect("there is room");
        assert!(matches!(&self.down()[..], [Told::Assigned(_)]));
    }

    fn record(&mut self, lease: Option<Lease>, correlation_id: &str, value: &Value) {
        let result = NewResult {
            topic: topic("t.list"),
            correlation_id: CorrelationId::new(correlation_id).expect("valid"),
            timestamp: lease.map(|_| 1_767_225_600_000_000),
            last: false,
            lease,
            payload: stook_proto::payload(value).expect("flat"),
        };
        self.collector.record(&result).expect("there is room");
    }
}

fn topic(name: &str) -> Topic {
    Topic::new(name).expect("valid")
}

fn declaration() -> Declaration {
    Declaration {
        id: CollectorId::new("p-1").expect("valid"),
        kind: "p".into(),
        incarnation: Incarnation(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)),
        pid: 4711,
        token: Token::new("secret"),
        capabilities: vec![CapabilityDeclaration {
            name: Capability::new("list").expect("valid"),
            concurrency: 1,
            topics: vec![topic("t.list")],
        }],
        topics: vec![topic("t.alert")],
    }
}
