//! `bytes`: enough payload, whoever sent it.

use stook_plugin::{
    Admission, BuildContext, BuildError, CompletionPolicy, Contribution, Decision, Plugin, SetView, options,
    register,
};
use stook_types::units::ByteSize;

stook_plugin::choice! {
    /// On which side of the result that reaches the size a set ends.
    pub enum BytesBoundary {
        /// After it: it is the last of the set.
        After = "after",
        /// Before it: it is the first of the next set.
        Before = "before",
    }
}

options! {
    /// Options of `bytes`.
    pub struct BytesOptions {
        /// How many bytes of payload complete a set.
        bytes: ByteSize,
        /// Whether the result that takes the set past that is still in it (`after`) or opens the next one (`before`).
        boundary: BytesBoundary = BytesBoundary::After,
    }
}

/// Complete at a number of payload bytes.
pub struct Bytes {
    bytes: usize,
    boundary: BytesBoundary,
}

impl Plugin for Bytes {
    const NAME: &'static str = "bytes";
    const DOCS: &'static str = "Complete when the payloads of the set reach `bytes`, whoever sent them. The result that does must fit into \
        `limits.bytes_per_set`, too: let that be twice as much. \
        With `boundary = \"before\"` a set is complete when the next result would take it past `bytes`, and that one opens \
        the next: no set is larger, but for one whose only result is, and none is late between two.";
    type Options = BytesOptions;

    fn build(options: BytesOptions, _: &BuildContext) -> Result<Self, BuildError> {
        let bytes = options.bytes.bytes();
        if bytes == 0 {
            return Err(BuildError::in_option(
                "bytes",
                "a set of no bytes is complete before it is opened; write how many, like \"1MiB\"",
            ));
        }
        Ok(Self { bytes, boundary: options.boundary })
    }
}

impl CompletionPolicy for Bytes {
    fn decide(&self, set: &SetView<'_>) -> Decision {
        // Before the next one, however full: a set that ended by itself would make that one late.
        let reached = set.bytes >= self.bytes && self.boundary == BytesBoundary::After;
        if reached { Decision::Complete } else { Decision::Pending }
    }

    fn admit(&self, set: &SetView<'_>, next: &Contribution) -> Admission {
        let past = set.bytes.saturating_add(next.payload.len()) > self.bytes;
        if past && self.boundary == BytesBoundary::Before { Admission::OpensNext } else { Admission::Enters }
    }

    fn opens_next(&self) -> bool {
        self.boundary == BytesBoundary::Before
    }

    fn needs_bytes(&self) -> Option<(usize, &'static str)> {
        Some((self.bytes, "bytes"))
    }
}

register!(completion: Bytes);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;
    use crate::completion::testing::{admits, completes};
    use crate::testing::made;

    #[test]
    fn keeps_its_promises() {
        for options in [r#"{"bytes":"1B"}"#, r#"{"bytes":"100B"}"#, r#"{"bytes":"100B","boundary":"before"}"#]
        {
            conformance::completion(|| made::<Bytes>(options));
        }
    }

    #[test]
    fn payload_bytes_count_whoever_sent_them() {
        let check = |sent: &[(&str, &str)], complete: bool| {
            let completes = |options| completes::<Bytes>(options, &[], &["p1"], sent);
            assert_eq!(completes(r#"{"bytes":"10B"}"#), complete, "{sent:?}");
            assert!(!completes(r#"{"bytes":"10B","boundary":"before"}"#), "{sent:?}");
        };
        check(&[], false);
        check(&[("p1", "12345"), ("p2", "1234")], false);
        check(&[("p1", "12345"), ("p2", "12345")], true);
        check(&[("p1", "123456789012")], true);
    }

    #[test]
    fn before_the_result_that_does_not_fit() {
        let check = |boundary: &str, next: &str, admission: Admission| {
            let options = format!(r#"{{"bytes":"10B","boundary":"{boundary}"}}"#);
            assert_eq!(admits::<Bytes>(&options, &[("p1", "1234567")], ("p2", next)), admission, "{next}");
        };
        check("before", "123", Admission::Enters);
        check("before", "1234", Admission::OpensNext);
        check("after", "1234", Admission::Enters);
        let alone = admits::<Bytes>(r#"{"bytes":"1B","boundary":"before"}"#, &[("p1", "12")], ("p2", "3"));
        assert_eq!(alone, Admission::OpensNext);
        let opens = |options| made::<Bytes>(options).opens_next();
        assert!(opens(r#"{"bytes":"1B","boundary":"before"}"#) && !opens(r#"{"bytes":"1B"}"#));
    }

    #[test]
    fn options_are_checked() {
        assert_eq!(made::<Bytes>(r#"{"bytes":"3KiB"}"#).needs_bytes(), Some((3_072, "bytes")));
        conformance::plugin::<Bytes>(&[("bytes", "1KiB".into())]);
    }
}
