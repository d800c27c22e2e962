//! Policies for alarms: `acme/worst` keeps the gravest result of a set, `acme/alarm` ends a set at a grave one.

use stook_plugin::types::Value;
use stook_plugin::{
    Algebra, BuildContext, BuildError, CompletionPolicy, Conflicts, Decision, MemoryBound, MergeError,
    MergeInput, MergeStrategy, Merged, NoOptions, Plugin, SetView, options, register,
};

/// How grave a result is, in its field `severity`.
fn severity(finding: &Value) -> Option<i64> {
    finding.at(&["severity"])?.as_int()
}

/// The gravest result.
pub struct Worst;

impl Plugin for Worst {
    const NAME: &'static str = "acme/worst";
    const DOCS: &'static str = "The result with the highest `severity`; null if none has one.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }
}

impl MergeStrategy for Worst {
    fn algebra(&self) -> Algebra {
        Algebra { associative: true, idempotent: true, memory: MemoryBound::Constant, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, conflicts: &mut Conflicts) -> Result<Merged, MergeError> {
        let grave = input.results.iter().filter_map(|it| Some((severity(&conflicts.decode(it)?)?, it)));
        let worst = grave.rev().max_by_key(|(severity, _)| *severity); // of equals the last, so the first
        Ok(worst.map_or(Merged::Value(Value::Null), |(_, result)| Merged::Payload(result.payload.clone())))
    }
}

options! {
    /// Options of `acme/alarm`.
    pub struct AlarmOptions {
        /// From which `severity` on a result ends its set.
        level: i64 = 3,
    }
}

/// Ends a set at a grave result.
pub struct Alarm(i64);

impl Plugin for Alarm {
    const NAME: &'static str = "acme/alarm";
    const DOCS: &'static str = "Complete as soon as a result has a `severity` of at least `level`.";
    type Options = AlarmOptions;

    fn build(options: AlarmOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options.level))
    }
}

impl CompletionPolicy for Alarm {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let arrived = set.arrived.and_then(|result| severity(&result.payload.decode().ok()?));
        if arrived >= Some(self.0) { Decision::Complete } else { Decision::Pending }
    }
}

register!(merge: Worst);
register!(completion: Alarm);

#[cfg(test)]
#[test]
fn they_keep_their_promises() {
    use stook_plugin::conformance;
    let findings = [1, 3, 3, 7].map(|severity| Value::from([("severity", severity)]));
    conformance::plugin::<Worst>(&[]);
    conformance::merge_of(|| Worst, &findings, &[]);
    conformance::plugin::<Alarm>(&[]);
    conformance::completion_of(|| Alarm(3), &findings);
}
