//! What a scenario names, and whether its config has it. A name that is misspelt could only ever fail, or worse, change
//! nothing.

use std::collections::BTreeSet;

use stook::config::{AggregateConfig, Config};
use stook_engine::KeySpec;
use stook_plugin::{Reason, SetKey};
use stook_types::{CollectorId, Outcome, nearest};

use super::model::{Action, Scenario, Step};
use super::peers::{named_by, named_in};
use super::report::Failure;

/// A place where a scenario names something. Both from 1.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) what: Named,
}

/// What is named. Where it is about a set, `of` is the aggregate, if that is said.
#[derive(Debug)]
pub(super) enum Named {
    Aggregate(String),
    Key {
        key: SetKey,
        of: Option<String>,
    },
    /// Why a set ends, and with which outcome, if that is said.
    Reason {
        word: String,
        outcome: Option<String>,
        of: Option<String>,
    },
    Collector(CollectorId),
}

/// What ends a set without a completion policy.
const PARTIAL: [Reason; 7] = [
    Reason::Timeout,
    Reason::Idle,
    Reason::Evicted,
    Reason::Forced,
    Reason::CollectorsLost,
    Reason::Shutdown,
    Reason::MergeFailed,
];

impl Scenario {
    /// That the config has all that is named, and that what is expected of it can be.
    pub(super) fn check_names(&self, config: &Config) -> Result<(), Vec<Failure>> {
        let collectors = self.collectors(config);
        let mut mentions: Vec<_> = self.mentions.iter().collect();
        mentions.sort_by_key(|mention| (mention.line, mention.column));
        let wrong = |mention: &Mention| {
            let message = mention.what.is_wrong(config, &collectors)?;
            Some(Failure::At { line: mention.line, column: mention.column, message })
        };
        let failures: Vec<_> = mentions.into_iter().filter_map(wrong).collect();
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// Everybody who does something or is waited for: to come and to go alone changes nothing.
    fn collectors(&self, config: &Config) -> BTreeSet<CollectorId> {
        let configured = config.collectors.iter().map(|collector| collector.id.clone());
        let expected = config.aggregates.iter().flat_map(|aggregate| named_by(&aggregate.spec));
        let only_comes = |step: &&Step| matches!(step.action, Action::Died(_) | Action::Connected { .. });
        let acting =
            self.steps.iter().filter(|step| !only_comes(step)).flat_map(|step| named_in(&step.action));
        configured.chain(expected).chain(acting).collect()
    }
}

impl Named {
    /// Why that cannot be, in this config with these collectors.
    fn is_wrong(&self, config: &Config, collectors: &BTreeSet<CollectorId>) -> Option<String> {
        let of = |of: &Option<String>| {
            let is_meant = move |aggregate: &&AggregateConfig| {
                of.as_ref().is_none_or(|name| *aggregate.spec.name == **name)
            };
            config.aggregates.iter().filter(is_meant).collect::<Vec<_>>()
        };
        match self {
            Self::Aggregate(name) => {
                let names = config.aggregates.iter().map(|aggregate| &*aggregate.spec.name);
                unknown(name, names, &format!("no aggregate is named `{name}`"))
            }
            Self::Collector(id) => {
                let ids = collectors.iter().map(CollectorId::as_str);
                unknown(id.as_str(), ids, &format!("`{id}` sends nothing here, and nobody waits for it"))
            }
            Self::Key { key, of: name } => wrong_key(key, &of(name)),
            Self::Reason { word, outcome, of: name } => wrong_reason(word, outcome.as_deref(), &of(name)),
        }
    }
}

/// This message, with what was probably meant, unless the name is known.
fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str>, message: &str) -> Option<String> {
    let known: Vec<_> = known.collect();
    if known.contains(&name) {
        return None;
    }
    let near = match (nearest(name, known.iter().copied()), &known[..]) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => String::new(),
        (None, known) => format!("; there is {}", known.join(", ")),
    };
    Some(format!("{message}{near}"))
}

/// A key that no set of these aggregates can have. Those that are not there were noted by their names.
fn wrong_key(key: &SetKey, aggregates: &[&AggregateConfig]) -> Option<String> {
    let fits = |aggregate: &&AggregateConfig| match (&aggregate.spec.key, key) {
        (KeySpec::CorrelationId, SetKey::Id(_)) => true,
        (KeySpec::Paths(paths), SetKey::Values(values)) => paths.len() == values.len(),
        _ => false,
    };
    let first = aggregates.first().filter(|_| !aggregates.iter().any(fits))?;
    let takes = match &first.spec.key {
        KeySpec::CorrelationId => "its sets have a correlation ID: write `id` as text".to_owned(),
        KeySpec::Paths(paths) => {
            let paths = paths.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().join(", ");
            format!("write `id` as an array with a value for each path of its `key` ({paths})")
        }
    };
    Some(format!("no set of aggregate `{}` has such an `id`; {takes}", first.spec.name))
}

/// A reason for which no set of these aggregates ends, or not with this outcome.
fn wrong_reason(word: &str, outcome: Option<&str>, aggregates: &[&AggregateConfig]) -> Option<String> {
    let first = aggregates.first()?;
    let policies = aggregates.iter().flat_map(|aggregate| &aggregate.spec.completion).map(|named| named.name);
    let may_idle = aggregates.iter().any(|aggregate| aggregate.spec.idle.is_some());
    let partial =
        PARTIAL.into_iter().filter(|reason| may_idle || *reason != Reason::Idle).map(Reason::as_str);
    let words: BTreeSet<_> = policies.chain(partial).collect();
    if !words.contains(word) {
        let whose = match aggregates.len() {
            1 => format!("set of aggregate `{}`", first.spec.name),
            _ => "set here".to_owned(),
        };
        let near = nearest(word, words.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let words = Vec::from_iter(words).join(", ");
        return Some(format!("no {whose} ends for the reason `{word}`{near} (there is {words})"));
    }
    let is_partial = PARTIAL.into_iter().any(|reason| reason.as_str() == word);
    let follows = if is_partial { Outcome::Partial } else { Outcome::Complete }.as_str();
    outcome
        .filter(|outcome| *outcome != follows)
        .map(|outcome| format!("a set that ends for the reason `{word}` is {follows}, and never {outcome}"))
}
