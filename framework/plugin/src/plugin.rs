//! What every plugin is, whatever it decides.

use std::ops::Range;

use crate::{
    CompletionPolicy, DedupStrategy, FailureDetector, MergeStrategy, OptionSpec, Options,
    OptionsDeserializer, OrderStrategy, RestartPolicy, ScoringPolicy, Sink,
};

/// A named, documented, configurable implementation of one contract.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no plugin",
    note = "beside its contract a plugin implements `stook_plugin::Plugin`: its name, docs, options and constructor"
)]
pub trait Plugin: Sized {
    /// The name by which config selects it: kebab-case; outside stook's own crates prefixed `vendor/`.
    const NAME: &'static str;
    /// What it does, in a sentence or two.
    const DOCS: &'static str;
    /// How much its behaviour and options may still change.
    const STABILITY: Stability = Stability::Stable;
    /// Options of an example of its use, as they stand in config: `count = 3`. Needed only if those that must be given are
    /// not enough, or mean nothing without one.
    const EXAMPLE: Option<&'static str> = None;
    /// Its options.
    type Options: Options;

    /// Makes an instance. Called once per use in the config, at start-up; no I/O that could block.
    ///
    /// # Errors
    /// If the options, each valid by itself, are not valid together.
    fn build(options: Self::Options, context: &BuildContext) -> Result<Self, BuildError>;
}

crate::choice! {
    /// How much a plugin may still change.
    pub enum Stability {
        /// Not without a major version.
        Stable = "stable",
        /// At any time.
        Experimental = "experimental",
    }
}

crate::choice! {
    /// The contracts.
    #[derive(PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum PluginKind {
        /// [`CompletionPolicy`].
        Completion = "completion",
        /// [`DedupStrategy`].
        Dedup = "dedup",
        /// [`FailureDetector`].
        Detection = "detection",
        /// [`MergeStrategy`].
        Merge = "merge",
        /// [`OrderStrategy`].
        Order = "order",
        /// [`RestartPolicy`].
        Restart = "restart",
        /// [`ScoringPolicy`].
        Scoring = "scoring",
        /// [`Sink`].
        Sink = "sink",
    }
}

impl std::fmt::Display for PluginKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a plugin is given beside its options.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BuildContext {
    /// Random bits, different in each run of a host and fixed in tests: the key of keyed hashes, the seed of
    /// random choices. Plugins draw no randomness of their own.
    pub seed: u128,
}

impl BuildContext {
    /// A context with this seed.
    pub const fn new(seed: u128) -> Self {
        Self { seed }
    }

    /// A context with a seed that nobody can guess: for a host that runs. The default is for tests and checks.
    pub fn random() -> Self {
        Self::new(uuid::Uuid::new_v4().as_u128())
    }
}

/// Why a plugin cannot be built with these options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct BuildError {
    /// The option at fault, if it is one.
    pub option: Option<&'static str>,
    /// Which bytes of that option's text are at fault, if it is text and only a part of it is.
    pub at: Option<Range<usize>>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl BuildError {
    /// The options together make no sense.
    pub fn new(message: impl Into<String>) -> Self {
        Self { option: None, at: None, message: message.into() }
    }

    /// This option is at fault.
    pub fn in_option(option: &'static str, message: impl Into<String>) -> Self {
        Self { option: Some(option), at: None, message: message.into() }
    }

    /// These bytes of this option's text are at fault.
    pub fn in_text(option: &'static str, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { option: Some(option), at: Some(at), message: message.into() }
    }
}

/// Makes a plugin of contract `T` from its options in whatever format they were written.
pub type Factory<T> = fn(&mut dyn OptionsDeserializer<'_>, &BuildContext) -> Result<Box<T>, BuildError>;

/// A plugin as the registry knows it. Made by [`register!`](crate::register), or in tests by the functions here.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// Its contract.
    pub kind: PluginKind,
    /// Its name.
    pub name: &'static str,
    /// The crate that registered it.
    pub krate: &'static str,
    /// What it does.
    pub docs: &'static str,
    /// How much it may still change.
    pub stability: Stability,
    /// Options of an example of its use, if it gives one.
    pub example: Option<&'static str>,
    /// Its options.
    pub options: &'static [OptionSpec],
    factory: AnyFactory,
}

inventory::collect!(Registration);

/// A contract for which there can be plugins.
pub trait PluginType: 'static {
    /// Which.
    const KIND: PluginKind;

    /// The registration's factory, if it is for this contract.
    fn factory(registration: &Registration) -> Option<Factory<Self>>;
}

impl Registration {
    const fn new<P: Plugin>(kind: PluginKind, krate: &'static str, factory: AnyFactory) -> Self {
        Self {
            kind,
            name: P::NAME,
            krate,
            docs: P::DOCS,
            stability: P::STABILITY,
            example: P::EXAMPLE,
            options: <P::Options as Options>::SPECS,
            factory,
        }
    }

    /// The first sentence of its docs.
    pub fn summary(&self) -> &'static str {
        crate::options::first_sentence(self.docs)
    }
}

fn build<P: Plugin>(
    options: &mut dyn OptionsDeserializer<'_>,
    context: &BuildContext,
) -> Result<P, BuildError> {
    let options = erased_serde::deserialize(options).map_err(|error| BuildError::new(error.to_string()))?;
    P::build(options, context)
}

macro_rules! kinds {
    ($($variant:ident, $function:ident, $contract:ident);+ $(;)?) => {
        #[derive(Clone, Copy, Debug)]
        enum AnyFactory { $($variant(Factory<dyn $contract>)),+ }

        $(
            impl PluginType for dyn $contract {
                const KIND: PluginKind = PluginKind::$variant;

                fn factory(registration: &Registration) -> Option<Factory<Self>> {
                    match registration.factory {
                        AnyFactory::$variant(factory) => Some(factory),
                        _ => None,
                    }
                }
            }
        )+

        impl Registration {
            $(
                /// A registration for this contract, by this crate.
                pub const fn $function<P: Plugin + $contract>(krate: &'static str) -> Self {
                    Self::new::<P>(
                        PluginKind::$variant,
                        krate,
                        AnyFactory::$variant(|options, context| Ok(Box::new(build::<P>(options, context)?))),
                    )
                }
            )+
        }
    };
}
kinds!(
    Completion, completion, CompletionPolicy;
    Dedup, dedup, DedupStrategy;
    Detection, detection, FailureDetector;
    Merge, merge, MergeStrategy;
    Order, order, OrderStrategy;
    Restart, restart, RestartPolicy;
    Scoring, scoring, ScoringPolicy;
    Sink, sink, Sink;
);

/// Makes a plugin known to every host that links this crate: `register!(merge: MyStrategy);` with one of
/// `completion`, `dedup`, `detection`, `merge`, `order`, `restart`, `scoring`, `sink`.
///
/// A crate that is only named in `Cargo.toml` is dropped by the linker; the host says
/// `link_plugins!(my_crate)`, which also checks that something was registered.
#[macro_export]
macro_rules! register {
    ($kind:ident : $plugin:ty) => {
        $crate::__private::inventory::submit! {
            $crate::Registration::$kind::<$plugin>($crate::crate_of(module_path!()))
        }
    };
}

/// The crate in a module path.
#[doc(hidden)]
pub const fn crate_of(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b':' {
        end += 1;
    }
    path.split_at(end).0
}
