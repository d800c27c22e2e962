//! `condition`: a set is complete when an expression says so.
//!
//! The expression is [CEL](https://cel.dev). Evaluating it has no limit of its own and happens under a set's mutex, so
//! what it may say is bounded when it is read: see [`check`]. A short one takes 1 to 3 µs, and the decoding of the payload if
//! it looks into that; `set.collectors` looks through the results until it has found every member.

mod chain;
mod check;
mod compile;
mod functions;
mod names;
mod operands;
mod scope;
mod syntax;

use stook_plugin::{
    Admission, BuildContext, BuildError, CompletionPolicy, Contribution, Decision, Plugin, SetView, options,
    register,
};

use compile::Program;

stook_plugin::choice! {
    /// What a condition is about.
    pub enum On {
        /// The result that has just arrived.
        Result = "result",
        /// The set as a whole.
        Set = "set",
    }
}

stook_plugin::choice! {
    /// On which side of the result that meets it a set ends.
    pub enum ConditionBoundary {
        /// After it: it is the last of the set.
        End = "end",
        /// Before it: it is the first of the next set.
        Start = "start",
    }
}

options! {
    /// Options of `condition`.
    pub struct ConditionOptions {
        /// The condition, in CEL. `result` has `value collector topic sequence last`. `set` has `count` (results), `bytes`,
        /// `collectors` (the sorted ids of those whose results are in it), `value` (fields of the merged value so far, each by
        /// its name) and `age_ms`. There are the operators, `has`, `size int uint double string contains startsWith endsWith`,
        /// and `exists all exists_one map filter`, though not one inside another; at most 2,000 characters.
        when: String,
        /// Whether it is asked for each result as it arrives (`result`; `set` is then the set with it, or before it for
        /// `boundary = "start"`), or of the set alone, whenever something happened to it (`set`).
        on: On = On::Result,
        /// Whether the result that meets it is the last of its set (`end`) or opens the next one (`start`).
        boundary: ConditionBoundary = ConditionBoundary::End,
    }
}

/// Complete when a condition holds.
pub struct Condition {
    program: Program,
    on: On,
    boundary: ConditionBoundary,
}

impl Plugin for Condition {
    const NAME: &'static str = "condition";
    const DOCS: &'static str = "Complete when the condition in `when` holds, like `result.value.done` or \
        `set.count >= 3 && \"p1\" in set.collectors`. A field that is not there makes it neither true nor false: that counts \
        as false, and in the counters; ask with `has` first. It is asked when something happens to the set, and not as time \
        goes by: `set.age_ms` alone ends nothing, `timeout` and `idle` do.";
    const EXAMPLE: Option<&'static str> = Some("when = \"result.value.done\"");
    type Options = ConditionOptions;

    fn build(options: ConditionOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let ConditionOptions { when, on, boundary } = options;
        if (on, boundary) == (On::Set, ConditionBoundary::Start) {
            let message = "a set has no result that could open the next one: write on = \"result\" beside \
                boundary = \"start\", or leave the boundary out";
            return Err(BuildError::in_option("boundary", message));
        }
        let program = compile::compile(&when, on)
            .map_err(|fault| BuildError::in_text("when", fault.at, fault.message))?;
        Ok(Self { program, on, boundary })
    }
}

impl CompletionPolicy for Condition {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        let holds = match (self.on, self.boundary, set.arrived) {
            (On::Set, ..) => self.program.holds(set, None),
            (On::Result, ConditionBoundary::End, Some(arrived)) => self.program.holds(set, Some(arrived)),
            _ => Some(false),
        };
        match holds {
            Some(true) => Decision::Complete,
            Some(false) => Decision::Pending,
            None => Decision::Undecided,
        }
    }

    fn admit(&self, set: &SetView<'_>, next: &Contribution) -> Admission {
        // The first of a set enters whatever it says.
        if self.boundary != ConditionBoundary::Start || set.results.is_empty() {
            return Admission::Enters;
        }
        match self.program.holds(set, Some(next)) {
            Some(true) => Admission::OpensNext,
            Some(false) => Admission::Enters,
            None => Admission::Undecided,
        }
    }

    fn opens_next(&self) -> bool {
        self.boundary == ConditionBoundary::Start
    }

    fn reads_value(&self) -> &[Vec<String>] {
        self.program.reads_value()
    }
}

register!(completion: Condition);

#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
