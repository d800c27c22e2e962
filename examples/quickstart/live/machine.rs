//! What the host says of itself: the parts of its status that the view shows.

use std::time::Duration;

use stook_types::Value;

/// The status at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) uptime: Duration,
    pub(super) memory_used: u64,
    pub(super) memory_limit: u64,
    pub(super) collectors: Vec<Seat>,
    pub(super) moved: u64,
    /// Results that are in no set and that nobody had before, by reason.
    pub(super) lost: Vec<(String, u64)>,
}

/// One collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) why: Option<String>,
    pub(super) in_flight: u64,
    pub(super) restarts: u64,
    pub(super) capabilities: Vec<Skill>,
}

/// Something that a collector can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Skill {
    pub(super) name: String,
    pub(super) concurrency: u64,
    /// Moving average, if it has done it before.
    pub(super) latency: Option<Duration>,
}

/// Refusals that lose nothing: somebody else has done it, and that counts.
const STALE: &str = "stale-epoch";

impl Machine {
    pub(super) fn of(status: &Value) -> Self {
        let count = |path: [&str; 2]| number(status.at(&path));
        let reasons = ["refused", "discarded"]
            .into_iter()
            .filter_map(|place| status.at(&["results", place])?.as_object());
        let lost = reasons.flatten().map(|(reason, count)| (reason.clone(), number(Some(count))));
        Self {
            uptime: Duration::from_millis(count(["host", "uptime_ms"])),
            memory_used: count(["memory", "used"]),
            memory_limit: count(["memory", "limit"]),
            collectors: list(status, "collectors").map(Seat::of).collect(),
            moved: count(["tasks", "redistributed"]),
            lost: lost.filter(|(reason, count)| reason != STALE && *count > 0).collect(),
        }
    }

    pub(super) fn restarts(&self) -> u64 {
        self.collectors.iter().map(|seat| seat.restarts).sum()
    }
}

impl Seat {
    fn of(collector: &Value) -> Self {
        let text = |field: &str| collector.at(&[field]).and_then(Value::as_str).map(str::to_owned);
        let skill = |skill: &Value| Skill {
            name: skill.at(&["name"]).and_then(Value::as_str).unwrap_or_default().to_owned(),
            concurrency: number(skill.at(&["concurrency"])),
            latency: skill
                .at(&["latency_us"])
                .and_then(Value::as_int)
                .map(|us| Duration::from_micros(us.unsigned_abs())),
        };
        Self {
            id: text("id").unwrap_or_default(),
            state: text("state").unwrap_or_default(),
            why: text("why"),
            in_flight: number(collector.at(&["in_flight"])),
            restarts: number(collector.at(&["restarts"])),
            capabilities: list(collector, "capabilities").map(skill).collect(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state == "connected"
    }

    /// How many tasks it runs at once, of all that it can do.
    pub(super) fn slots(&self) -> u64 {
        self.capabilities.iter().map(|skill| skill.concurrency).sum()
    }

    /// Of whatever takes it longest.
    pub(super) fn latency(&self) -> Option<Duration> {
        self.capabilities.iter().filter_map(|skill| skill.latency).max()
    }
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.at(&[field]).and_then(Value::as_array).unwrap_or_default().iter()
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_int).and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}
