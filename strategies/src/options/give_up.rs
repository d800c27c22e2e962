//! After how many restarts a collector is given up.

use std::time::Duration;

use serde::Deserialize;
use stook_plugin::{Ending, OptionType, REMEMBERED, Restart, TypeSpec};
use stook_types::Value;
use stook_types::units::Span;

use super::AtLeastOne;

/// After how many restarts a collector is given up: the next end within the span is the last.
///
/// The *intensity* and *period* of Erlang/OTP's supervisors (`supervisor(3)`, "Maximum restart intensity").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table like { restarts = 5, within = \"60s\" }")]
pub struct GiveUp {
    /// How many restarts are tolerated.
    pub restarts: AtLeastOne,
    /// Within which time.
    pub within: Span,
}

impl GiveUp {
    /// What is to be done if it has been started again too often before this end.
    pub fn reached(&self, ending: &Ending<'_>) -> Option<Restart> {
        (ending.restarts_within(self.within.0) >= self.restarts.get())
            .then(|| Restart::GiveUp(format!("{} restarts within {}", self.restarts.get(), self.within)))
    }

    /// That it can be reached, or which of the two makes that impossible, and what would be right.
    ///
    /// # Errors
    /// If it can not.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.restarts.get() > REMEMBERED {
            let message = format!(
                "{} is too many: no more than the last {REMEMBERED} restarts are remembered; write fewer, and a \
                 shorter `within`",
                self.restarts.get()
            );
            return Err(("restarts", message));
        }
        if self.within.0.is_zero() {
            let message = "nothing happens within no time; write a duration above zero, like \"60s\"";
            return Err(("within", message.to_owned()));
        }
        Ok(())
    }
}

impl Default for GiveUp {
    fn default() -> Self {
        Self { restarts: AtLeastOne::new(5), within: Span(Duration::from_secs(60)) }
    }
}

impl OptionType for GiveUp {
    const TAKES: TypeSpec = TypeSpec::Table(
        "a table like { restarts = 5, within = \"60s\" }",
        &[("restarts", AtLeastOne::TAKES), ("within", Span::TAKES)],
    );

    fn to_value(&self) -> Value {
        Value::from([("restarts", self.restarts.to_value()), ("within", self.within.to_value())])
    }
}

#[cfg(test)]
mod tests {
    use stook_plugin::Exit;
    use stook_types::MonoTime;

    use super::*;

    fn seconds(seconds: u64) -> MonoTime {
        MonoTime::at(Duration::from_secs(seconds))
    }

    #[test]
    fn one_end_more_than_it_tolerates_is_the_last() {
        let give_up: GiveUp = serde_json::from_str(r#"{"restarts":2,"within":"10s"}"#).unwrap();
        let check = |restarts: &[u64], reached: bool| {
            let restarts: Vec<_> = restarts.iter().copied().map(seconds).collect();
            let mut ending = Ending::new(Exit::Failure, seconds(100));
            ending.restarts = &restarts;
            let expect = reached.then(|| Restart::GiveUp("2 restarts within 10s".into()));
            assert_eq!(give_up.reached(&ending), expect, "{restarts:?}");
        };
        check(&[], false);
        check(&[99], false);
        check(&[95, 99], true);
        check(&[1, 50, 90, 99], false);
        check(&[1, 50, 91, 99], true);
    }

    #[test]
    fn as_many_as_are_remembered_are_taken() {
        let parse = |text| serde_json::from_str::<GiveUp>(text).unwrap();
        assert_eq!(parse(r#"{"within":"1m"}"#), GiveUp::default());
        assert_eq!(parse(r#"{"restarts":64}"#).check(), Ok(()));
    }

    #[test]
    fn it_stands_in_config_as_it_is_shown() {
        let shown = serde_json::to_string(&GiveUp::default().to_value()).unwrap();
        assert_eq!(serde_json::from_str::<GiveUp>(&shown).unwrap(), GiveUp::default());
    }
}
