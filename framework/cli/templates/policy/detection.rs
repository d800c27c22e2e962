//! Says when a silent collector is given up.

use std::time::Duration;

use stook_plugin::types::MonoTime;
use stook_plugin::types::units::Span;
use stook_plugin::{BuildContext, BuildError, FailureDetector, Plugin, Watch, options, register};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// How often collectors are to show that they live.
        heartbeat: Span = Span(Duration::from_secs(2)),
        /// How many heartbeats may be missed.
        missed: u32 = 3,
    }
}

/// Says when a silent collector is given up.
pub struct TYPE(TYPEOptions);

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str =
        "Given up after more than `missed` heartbeats without a sign of life.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options))
    }
}

impl FailureDetector for TYPE {
    fn heartbeat(&self) -> Duration {
        self.0.heartbeat.0
    }

    fn watch(&self, now: MonoTime) -> Box<dyn Watch> {
        let patience = self
            .0
            .heartbeat
            .0
            .saturating_mul(self.0.missed.saturating_add(1));
        Box::new(Session {
            patience,
            heard: now,
        })
    }
}

/// One session.
struct Session {
    patience: Duration,
    heard: MonoTime,
}

impl Watch for Session {
    fn beat(&mut self, at: MonoTime) {
        self.heard = self.heard.max(at);
    }

    fn alive(&mut self, at: MonoTime) {
        self.heard = self.heard.max(at);
    }

    fn dead_at(&self) -> MonoTime {
        self.heard + self.patience
    }
}

register!(detection: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        conformance::detection(|| {
            TYPE(TYPEOptions {
                heartbeat: Span(Duration::from_secs(1)),
                missed: 2,
            })
        });
    }
}
