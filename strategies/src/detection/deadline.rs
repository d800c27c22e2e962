//! `deadline`: silent for too long.

use std::time::Duration;

use stook_plugin::{BuildContext, BuildError, FailureDetector, Plugin, Watch, options, register};
use stook_types::MonoTime;
use stook_types::units::Span;

options! {
    /// Options of `deadline`.
    pub struct DeadlineOptions {
        /// The interval at which collectors are asked for heartbeats.
        heartbeat: Span = Span(Duration::from_secs(2)),
        /// How long a collector may be silent. More than `heartbeat`, and better more than twice as much, so that a single
        /// late heartbeat is forgiven.
        dead_after: Span = Span(Duration::from_secs(5)),
    }
}

/// Gives a collector up when it has been silent for a fixed time.
pub struct Deadline {
    heartbeat: Duration,
    dead_after: Duration,
}

impl Plugin for Deadline {
    const NAME: &'static str = "deadline";
    const DOCS: &'static str = "A collector is given up when it has said nothing for `dead_after`. Anything it says counts, not only \
        heartbeats.";
    type Options = DeadlineOptions;

    fn build(options: DeadlineOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let DeadlineOptions { heartbeat, dead_after } = options;
        if heartbeat.0.is_zero() {
            return Err(super::no_interval());
        }
        if dead_after <= heartbeat {
            let message = format!(
                "{dead_after} is over before a heartbeat every {heartbeat} can come; it must be more than `heartbeat`, \
                 like {}",
                // 2.5 times, as the defaults.
                Span(heartbeat.0.saturating_mul(5) / 2)
            );
            return Err(BuildError::in_option("dead_after", message));
        }
        Ok(Self { heartbeat: heartbeat.0, dead_after: dead_after.0 })
    }
}

impl FailureDetector for Deadline {
    fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
        Box::new(Silence { dead_after: self.dead_after, last: now })
    }
}

/// The silence of one session.
struct Silence {
    dead_after: Duration,
    last: MonoTime,
}

impl Watch for Silence {
    fn beat(&mut self, at: MonoTime) {
        self.alive(at);
    }

    fn alive(&mut self, at: MonoTime) {
        self.last = self.last.max(at);
    }

    fn dead_at(&self) -> MonoTime {
        self.last + self.dead_after
    }
}

register!(detection: Deadline);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::testing::made;

    fn at(ms: u64) -> MonoTime {
        MonoTime::at(Duration::from_millis(ms))
    }

    #[test]
    fn whatever_is_heard_defers_the_end() {
        let detector = made::<Deadline>("{}");
        assert_eq!(detector.heartbeat(), Duration::from_secs(2));
        let mut watch = detector.watch(at(1_000));
        assert_eq!(watch.dead_at(), at(6_000));
        watch.beat(at(3_000));
        assert_eq!(watch.dead_at(), at(8_000));
        watch.alive(at(3_500));
        assert_eq!(watch.dead_at(), at(8_500));
        // What is told late does not take back what was known.
        watch.beat(at(3_200));
        assert_eq!(watch.dead_at(), at(8_500));
    }

    #[test]
    fn options_are_checked() {
        conformance::plugin::<Deadline>(&[]);
    }

    #[test]
    fn holds_to_the_contract() {
        conformance::detection(|| made::<Deadline>("{}"));
        conformance::detection(|| made::<Deadline>(r#"{"heartbeat":"100ms","dead_after":"150ms"}"#));
    }
}
