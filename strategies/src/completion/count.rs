//! `count`: enough results, whoever sent them.

use stook_plugin::{
    BuildContext, BuildError, CompletionPolicy, Decision, Plugin, SetView, options, register,
};

use crate::options::AtLeastOne;

options! {
    /// Options of `count`.
    pub struct CountOptions {
        /// How many accepted results complete a set.
        count: AtLeastOne,
    }
}

/// Complete at a number of results.
pub struct Count(usize);

impl Plugin for Count {
    const NAME: &'static str = "count";
    const DOCS: &'static str = "Complete when the set has `count` results, whoever sent them. Duplicates do not count. \
        To wait for everybody use `expected`, to wait for some of many `quorum`.";
    type Options = CountOptions;

    fn build(options: CountOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(options.count.get()))
    }
}

impl CompletionPolicy for Count {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        if set.results.len() >= self.0 { Decision::Complete } else { Decision::Pending }
    }

    fn needs_results(&self) -> Option<(usize, &'static str)> {
        Some((self.0, "count"))
    }
}

register!(completion: Count);

#[cfg(test)]
mod tests {
    use stook_plugin::{Options, Registration};

    use super::*;
    use crate::completion::testing::completes;
    use crate::testing::{check_defaults, refuses};

    #[test]
    fn counts_results_not_collectors() {
        let check = |sent: &[(&str, &str)], complete: bool| {
            assert_eq!(completes::<Count>(r#"{"count":3}"#, &[], &["p1"], sent), complete, "{sent:?}");
        };
        check(&[("p1", "1"), ("p1", "2")], false);
        check(&[("p1", "1"), ("p1", "2"), ("p1", "3")], true);
        // A set that was announced, and that nobody answered.
        check(&[], false);
    }

    #[test]
    fn one_is_the_least() {
        assert!(completes::<Count>(r#"{"count":1}"#, &[], &[], &[("p1", "1")]));
        let refuses = |options, with| {
            refuses::<dyn CompletionPolicy>(&Registration::completion::<Count>("test"), options, with);
        };
        refuses(r#"{"count":0}"#, "must be at least 1");
        refuses(r#"{"count":-1}"#, "must be at least 1");
        refuses("{}", "missing field `count`");
        refuses(r#"{"conut":1}"#, "unknown field `conut`");
    }

    #[test]
    fn defaults_are_as_shown() {
        check_defaults::<Count>(CountOptions::SPECS, r#"{"count":3}"#);
    }
}
