//! Whole configs in, plain types or pages of messages out.

macro_rules! plugin {
    ($type:ident, $name:literal, $options:ty, |$given:pat_param| $build:expr) => {
        impl Plugin for $type {
            const NAME: &'static str = $name;
            const DOCS: &'static str = "For tests.";
            type Options = $options;

            fn build($given: $options, _: &BuildContext) -> Result<Self, BuildError> {
                $build
            }
        }
    };
}

mod aggregates;
mod bounds;
mod dispatch;
mod keys;
mod once;
mod plain;
mod plugins;
mod policies;
mod rendering;
mod together;

use std::time::Duration;

use stook_messages::ExpectFile;
use stook_plugin::types::units::{ByteSize, Span};
use stook_plugin::types::{CollectorId, DecodeError};
use stook_plugin::{
    AggregatedResult, Algebra, BuildContext, BuildError, CompletionPolicy, Conflicts, Contribution, Decision,
    DedupMemory, DedupStrategy, Identity, Keep, MergeError, MergeInput, MergeStrategy, Merged, MindsOrder,
    NoOptions, OrderStrategy, Plugin, Registration, Registry, Roster, Scope, SetView, Sink, SinkError,
    Unexpected, options,
};

use super::{Config, Diagnostics, Source};

/// What is said about each of these configs, errors or warnings, on a page of its own under what it is about.
#[track_caller]
fn check(configs: &[(&str, &str)], page: &ExpectFile) {
    let said = |(about, config): &(&str, &str)| {
        let said = said(config);
        assert!(!said.is_empty(), "nothing is said about {about}");
        format!("# {about}\n\n{said}\n")
    };
    page.assert_eq(&configs.iter().map(said).collect::<String>());
}

/// That there is nothing to say about this config.
#[track_caller]
fn silent(config: &str) {
    let said = said(config);
    assert!(said.is_empty(), "{said}");
}

fn said(config: &str) -> Diagnostics {
    match load(config) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors,
    }
}

/// The config, which has no errors.
#[track_caller]
fn plain(config: &str) -> Config {
    load(config).unwrap_or_else(|errors| panic!("{errors}")).0
}

fn load(config: &str) -> Result<(Config, Diagnostics), Diagnostics> {
    Config::load(&Source::toml("stook.toml", config)?, &registry(), &BuildContext::default())
}

fn registry() -> Registry {
    let plugins = [
        Registration::completion::<Count>("acme"),
        Registration::completion::<Everybody>("acme"),
        Registration::completion::<Size>("acme"),
        Registration::dedup::<Same>("acme"),
        Registration::detection::<policies::Quiet>("acme"),
        Registration::merge::<Total>("acme"),
        Registration::merge::<Fussy>("acme"),
        Registration::order::<ByTime>("acme"),
        Registration::restart::<policies::Backoff>("acme"),
        Registration::scoring::<policies::Any>("acme"),
        Registration::scoring::<policies::Fewest>("acme"),
        Registration::sink::<Explodes>("acme"),
    ];
    plugins.into_iter().fold(Registry::builder(), |builder, plugin| builder.with(plugin)).build().unwrap()
}

options! {
    /// Options of `count`.
    pub(super) struct CountOptions {
        /// How many results complete a set.
        /// More than none.
        count: std::num::NonZeroUsize,
        /// How long to linger.
        linger: Span = Span(Duration::ZERO),
    }
}

struct Count(usize);
plugin!(Count, "count", CountOptions, |given| {
    if given.count.get() == 13 {
        return Err(BuildError::in_option("count", "13 is unlucky; take 12"));
    }
    Ok(Self(given.count.get()))
});

impl CompletionPolicy for Count {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn needs_results(&self) -> Option<(usize, &'static str)> {
        Some((self.0, "count"))
    }
}

options! {
    /// Options of `size`.
    pub(super) struct SizeOptions {
        /// How large a set is at least.
        least: ByteSize,
        /// Which field of the merged value it looks at, and has it written in `when`.
        when: Option<String> = None,
        /// Whether the result that does not fit opens the next set.
        boundary: bool = false,
    }
}

/// Picky about what it is given.
struct Size {
    least: ByteSize,
    reads: Vec<Vec<String>>,
    opens_next: bool,
}
plugin!(Size, "size", SizeOptions, |given| {
    match given.when.as_deref().and_then(|when| when.find('!').map(|at| at..at + 1)) {
        Some(at) => Err(BuildError::in_text("when", at, "not so loud")),
        None => Ok(Self {
            least: given.least,
            reads: given.when.into_iter().map(|field| vec![field]).collect(),
            opens_next: given.boundary,
        }),
    }
});

impl CompletionPolicy for Size {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn needs_bytes(&self) -> Option<(usize, &'static str)> {
        Some((self.least.bytes(), "least"))
    }

    fn opens_next(&self) -> bool {
        self.opens_next
    }

    fn reads_value(&self) -> &[Vec<String>] {
        &self.reads
    }
}

options! {
    /// Options of `everybody`.
    pub(super) struct EverybodyOptions {
        /// Who is expected.
        ids: Vec<CollectorId> = Vec::new(),
        /// What becomes of others.
        unexpected: Unexpected = Unexpected::Include,
        /// Whether their last results are waited for.
        last: bool = false,
    }
}

struct Everybody(EverybodyOptions);
plugin!(Everybody, "everybody", EverybodyOptions, |given| Ok(Self(given)));

impl CompletionPolicy for Everybody {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }

    fn expects(&self, _: &Roster<'_>) -> Vec<CollectorId> {
        self.0.ids.clone()
    }

    fn unexpected(&self) -> Unexpected {
        self.0.unexpected
    }

    fn awaits_last(&self) -> bool {
        self.0.last
    }

    fn check(&self) -> Option<String> {
        self.0.ids.is_empty().then(|| "nobody is expected".to_owned())
    }
}

options! {
    /// Options of `same`.
    pub(super) struct SameOptions {
        /// How long an identity is remembered.
        window: Span = Span(Duration::from_secs(300)),
        /// Among which results.
        scope: Scope = Scope::Set,
        /// Fields that are left out.
        ignore: Vec<String> = Vec::new(),
        /// How many identities are remembered.
        capacity: usize = 10,
        /// Which of two stays.
        keep: Keep = Keep::First,
    }
}

struct Same(SameOptions);
plugin!(Same, "same", SameOptions, |given| Ok(Self(given)));

impl DedupStrategy for Same {
    fn identity(&self, _: &Contribution) -> Result<Option<Identity>, DecodeError> {
        Ok(None)
    }

    fn memory(&self) -> DedupMemory {
        DedupMemory::bounded(self.0.scope, self.0.window.0, self.0.capacity, self.0.keep)
    }
}

struct Total;
plugin!(Total, "total", NoOptions, |_| Ok(Self));

impl MergeStrategy for Total {
    fn algebra(&self) -> Algebra {
        Algebra { commutative: true, ..Algebra::default() }
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(input.list())
    }
}

options! {
    /// Options of `fussy`, which have types of their own.
    pub(super) struct FussyOptions {
        /// Who comes first.
        leader: Option<CollectorId> = None,
        /// Small numbers.
        small: Vec<u32> = Vec::new(),
        /// Whether to panic.
        panics: bool = false,
    }
}

struct Fussy(Option<CollectorId>);
plugin!(Fussy, "fussy", FussyOptions, |given| {
    assert!(!given.panics);
    Ok(Self(given.leader))
});

impl MergeStrategy for Fussy {
    fn algebra(&self) -> Algebra {
        Algebra::default()
    }

    fn merge(&self, input: &MergeInput<'_>, _: &mut Conflicts) -> Result<Merged, MergeError> {
        Ok(input.list())
    }

    fn minds_order(&self) -> Option<MindsOrder> {
        (self.0.as_ref()?.as_str() == "first").then(|| MindsOrder::new("its leader `first`", "first"))
    }
}

struct ByTime;
plugin!(ByTime, "by-time", NoOptions, |_| Ok(Self));

impl OrderStrategy for ByTime {
    fn compare(&self, a: &Contribution, b: &Contribution) -> std::cmp::Ordering {
        a.timestamp.cmp(&b.timestamp)
    }
}

options! {
    /// Options of `explodes`.
    pub(super) struct ExplodesOptions {
        /// Where to write.
        path: String,
    }
}

/// Cannot be made: a config that loads all the same made no sink.
struct Explodes;
plugin!(Explodes, "explodes", ExplodesOptions, |_| Err(BuildError::new("it exploded")));

impl Sink for Explodes {
    fn deliver(&mut self, _: &AggregatedResult) -> Result<(), SinkError> {
        Ok(())
    }
}
