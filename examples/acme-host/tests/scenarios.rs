//! What the config of this host does, with the policies that it links, in virtual time.

use stook::{Registry, link_plugins};
use stook_cli::scenario::File;

const SCENARIOS: &str = r#"
[[scenario]]
name   = "a grave finding ends its set at once"
steps  = [
  { at = "0s", from = "p1", topic = "events.finding.disk", value = { severity = 2, what = "disk is slow" } },
  { at = "1s", from = "p2", topic = "events.finding.disk", value = { severity = 5, what = "disk is full" } },
]
expect = [{ at = "1s", reason = "acme/alarm", value = { severity = 5, what = "disk is full" } }]
config = '''CONFIG'''

[[scenario]]
until  = "10s"
name   = "without one the gravest counts when the time is up"
steps  = [
  { at = "0s", from = "p1", topic = "events.finding.disk", value = { severity = 4, what = "disk is old" } },
  { at = "1s", from = "p2", topic = "events.finding.disk", value = { severity = 2, what = "disk is slow" } },
  { at = "2s", from = "p3", topic = "events.finding.disk", value = "no severity" },
]
expect = [{ at = "10s", outcome = "partial", reason = "timeout", value = { severity = 4, what = "disk is old" } }]
config = '''CONFIG'''
"#;

#[test]
fn the_config_does_what_it_says() {
    let registry = Registry::linked(link_plugins!(stook_strategies, acme_policy)).expect("all can be linked");
    let text = SCENARIOS.replace("CONFIG", include_str!("../stook.toml"));
    for scenario in File::parse("acme-host", &text).expect("scenarios").scenarios {
        let report = scenario.run(&registry);
        assert!(report.passed(), "{report}");
    }
}
