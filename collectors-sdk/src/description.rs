//! What a collector says of itself.

use stook_proto::{CapabilityDeclaration, collector::Declaration};
use stook_types::{Capability, CollectorId, Incarnation, Topic};

use crate::{DescriptionError, Options};

/// What a collector is and can do. Mistakes in it are reported when the collector starts.
#[derive(Clone, Debug)]
pub struct Description {
    pub(crate) kind: String,
    pub(crate) capabilities: Vec<CapabilityDeclaration>,
    pub(crate) topics: Vec<Topic>,
    mistake: Option<DescriptionError>,
}

// === impl Description ===

impl Description {
    /// A collector of this kind, like `procmond`, that can do nothing yet.
    pub fn of_kind(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), capabilities: Vec::new(), topics: Vec::new(), mistake: None }
    }

    /// It runs tasks of this capability, at most `concurrency` at once, and answers on these topics.
    #[must_use]
    pub fn capability<'a>(
        mut self,
        name: &str,
        concurrency: u32,
        topics: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let topics = topics.into_iter().filter_map(|topic| self.parsed(Topic::new(topic))).collect();
        let Some(name) = self.parsed(Capability::new(name)) else { return self };
        if concurrency == 0 {
            return self.mistaken(DescriptionError::NoConcurrency(name));
        }
        if self.capabilities.iter().any(|declared| declared.name == name) {
            return self.mistaken(DescriptionError::Twice(name));
        }
        self.capabilities.push(CapabilityDeclaration { name, concurrency, topics });
        self
    }

    /// It publishes on this topic without being asked.
    #[must_use]
    pub fn topic(mut self, topic: &str) -> Self {
        if let Some(topic) = self.parsed(Topic::new(topic)) {
            self.topics.push(topic);
        }
        self
    }

    /// The same with a mistake in it.
    pub(crate) fn mistaken(mut self, why: DescriptionError) -> Self {
        self.mistake.get_or_insert(why);
        self
    }

    /// The first mistake, in the order in which it was written.
    pub(crate) fn check(&self) -> Result<(), DescriptionError> {
        self.mistake.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn declare(&self, options: &Options, id: CollectorId) -> Declaration {
        Declaration {
            id,
            kind: self.kind.clone(),
            incarnation: Incarnation::random(),
            pid: std::process::id(),
            token: options.token.clone(),
            capabilities: self.capabilities.clone(),
            topics: self.topics.clone(),
        }
    }

    fn parsed<T, E: Into<DescriptionError>>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| _ = self.mistake.get_or_insert(error.into())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(description: Description, says: &str) {
        assert_eq!(description.check().unwrap_err().to_string(), says);
    }

    #[test]
    fn the_first_mistake_is_told() {
        let good = || Description::of_kind("test").capability("test.a", 1, ["t.a"]).topic("t.b");
        assert_eq!(good().check(), Ok(()));
        let topic = Topic::new("T").unwrap_err().to_string();
        check(good().topic("T").capability("test.a", 1, []), &topic);
        check(good().capability("test.b", 1, ["T"]), &topic);
        check(good().capability("test.a", 2, []), "capability `test.a` is declared twice");
        check(
            good().capability("test.b", 0, []),
            "capability `test.b` has a concurrency of 0; it must be at least 1",
        );
        check(good().capability("", 1, []), &Capability::new("").unwrap_err().to_string());
    }
}
