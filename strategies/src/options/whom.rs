//! Whom a set waits for, of those that a config names.

use std::collections::BTreeSet;

use stook_plugin::{BuildError, Roster, Unexpected, options};
use stook_types::CollectorId;

options! {
    /// Whom a set waits for.
    pub struct Whom {
        /// Whom a set waits for that no task and no caller announced: these collectors.
        collectors: Vec<CollectorId> = Vec::new(),
        /// Whom such a set waits for as well: every collector of these kinds that the host knows when it opens.
        kinds: Vec<String> = Vec::new(),
        /// What becomes of a result from a collector that the set does not wait for.
        unexpected: Unexpected = Unexpected::Include,
    }
}

impl Whom {
    /// The same, if each kind has a name.
    ///
    /// # Errors
    /// If one is empty: the roster has an empty kind for a collector whose kind nobody has told yet.
    pub fn checked(self) -> Result<Self, BuildError> {
        if self.kinds.iter().any(String::is_empty) {
            return Err(BuildError::in_option("kinds", "a kind must not be empty; leave it out"));
        }
        Ok(self)
    }

    /// Those that are named and those of the kinds, each once and sorted.
    pub fn of(&self, roster: &Roster<'_>) -> Vec<CollectorId> {
        let of_kind = |kind: &str| self.kinds.iter().any(|named| named == kind);
        let known = roster.collectors.iter().filter(|entry| of_kind(&entry.kind)).map(|entry| &entry.id);
        let whom: BTreeSet<_> = self.collectors.iter().chain(known).collect();
        whom.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use stook_plugin::RosterEntry;

    use super::*;
    use crate::testing::id;

    #[test]
    fn the_named_and_the_kinds_each_once() {
        let roster = [
            RosterEntry::new(id("net-1"), "net"),
            RosterEntry::new(id("proc-1"), "proc"),
            RosterEntry::new(id("proc-2"), "proc"),
            RosterEntry::new(id("new-1"), ""),
        ];
        let check = |options: &str, expected: &[&str]| {
            let whom: Whom = serde_json::from_str(options).unwrap();
            let expected: Vec<_> = expected.iter().map(|name| id(name)).collect();
            assert_eq!(whom.of(&Roster::new(&roster)), expected, "{options}");
        };
        check("{}", &[]);
        check(r#"{"kinds":["proc"]}"#, &["proc-1", "proc-2"]);
        check(r#"{"collectors":["proc-2","absent"],"kinds":["proc"]}"#, &["absent", "proc-1", "proc-2"]);
        check(r#"{"kinds":["pro","none"]}"#, &[]);
    }
}
