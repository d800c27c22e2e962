//! What the design promises in numbers: section 12 of DESIGN, and nothing of it anywhere else.

/// A promise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    /// What the design calls it.
    pub(super) name: &'static str,
    /// The figure that measures it.
    pub(super) figure: &'static str,
    /// What its value shall keep to.
    pub(super) bound: Bound,
    /// Of both.
    pub(super) unit: &'static str,
}

/// What a value shall not exceed, or not fall short of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// All of them, in the order of the design.
pub(super) const BARS: [Bar; 10] = [
    at_least("throughput", "throughput", 0.5, "x"),
    at_most("latency", "latency", 1.0, "ms"),
    at_most("latency_vs_echo", "latency", 3.0, "x"),
    at_most("offer", "offer", 500.0, "ns"),
    at_most("offer_growth", "offer", 2.0, "x"),
    at_most("set_bytes", "set_bytes", 512.0, "bytes"),
    at_most("decision", "decision", 1.0, "µs"),
    at_most("failover", "failover", 50.0, "ms"),
    at_most("hang", "hang", 3.0, "heartbeats"),
    at_most("balance", "balance", 1.05, "x"),
];

const fn at_least(name: &'static str, figure: &'static str, least: f64, unit: &'static str) -> Bar {
    Bar { name, figure, bound: Bound::AtLeast(least), unit }
}

const fn at_most(name: &'static str, figure: &'static str, most: f64, unit: &'static str) -> Bar {
    Bar { name, figure, bound: Bound::AtMost(most), unit }
}

// === impl Bar, Bound ===

impl Bar {
    /// Whether a value keeps it. What could not be measured does not.
    pub(super) fn is_met(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| match self.bound {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        })
    }
}

impl Bound {
    /// The number.
    pub(super) const fn value(self) -> f64 {
        match self {
            Self::AtMost(value) | Self::AtLeast(value) => value,
        }
    }

    /// What it is for the value.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::AtMost(_) => "at most",
            Self::AtLeast(_) => "at least",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_is_kept_or_not() {
        let [throughput, latency, ..] = BARS;
        assert_eq!([0.49, 0.5, 0.51].map(|value| throughput.is_met(Some(value))), [false, true, true]);
        assert_eq!([0.9, 1.0, 1.1].map(|value| latency.is_met(Some(value))), [true, true, false]);
        assert!(!latency.is_met(None) && !latency.is_met(Some(f64::NAN)));
    }
}
