//! Config: which results meet and what becomes of them, which collectors and tasks the host runs, where results
//! go. Read once, checked as a whole, turned into plain types.
//!
//! ```
//! use stook::Registry;
//! use stook::config::{Config, Source};
//! use stook_plugin::BuildContext;
//!
//! # let json = r#"{"aggregate": {"a": {"topics": ["t.#"], "timeout": "30s"}}}"#;
//! let source = Source::deserialize("built in", &mut serde_json::Deserializer::from_str(json))?;
//! let registry = Registry::builder().build().expect("no plugins, no collision");
//! let (config, warnings) = Config::load(&source, &registry, &BuildContext::default())?;
//! assert_eq!(&*config.aggregates[0].spec.name, "a");
//! assert!(warnings.is_empty(), "{warnings}");
//! # Ok::<(), stook::config::Diagnostics>(())
//! ```
//!
//! A [`Source`] is config as somebody wrote it, in TOML (feature `toml`) or any format that serde knows.
//! [`Config::load`] understands it: it finds *everything* that is wrong, not only the first thing, and says where
//! it stands and what would be valid. Loading has no side effects; sinks are made and opened by their
//! [`SinkFactory`] when the host starts.

mod aggregate;
mod collector;
mod cross;
mod diagnostic;
mod dispatch;
mod example;
mod fill;
mod host;
mod limits;
mod model;
mod nearest;
mod node;
mod plugin;
mod policies;
mod read;
mod sink;
mod source;
pub mod spec;
mod table;
mod tables;
mod takes;
mod task;
#[cfg(all(test, feature = "toml"))]
mod tests;
#[cfg(feature = "toml")]
mod toml;
mod topics;
mod write;

use stook_plugin::{BuildContext, Registry};

pub(crate) use collector::HOST;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use model::{
    Ack, AggregateConfig, CollectorConfig, Config, DispatchConfig, HostConfig, SinkConfig, TaskConfig,
};
pub use plugin::SinkFactory;
pub use source::Source;

use cross::{Draft, Whole};
use table::{Cx, Table};

impl Config {
    /// Understands a config: gives it with its warnings.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(
        source: &Source,
        registry: &Registry,
        context: &BuildContext,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let cx = Cx::new(registry, context, &source.written);
        let root = Table::open(&cx, &source.root.place, &source.root, &tables::ROOT);
        let mut draft = Draft {
            whole: Whole {
                aggregates: root.is_whole("aggregate"),
                collectors: root.is_whole("collector"),
                sinks: root.is_whole("sink"),
            },
            host: host::read(&root),
            dispatch: dispatch::read(&root),
            aggregates: root.section("aggregate").iter().map(|entry| aggregate::read(&cx, entry)).collect(),
            collectors: root
                .section("collector")
                .iter()
                .filter_map(|entry| collector::read(&cx, entry))
                .collect(),
            tasks: root.section("task").iter().map(|entry| task::read(&cx, entry)).collect(),
            sinks: root.section("sink").iter().map(|entry| sink::read(&cx, entry)).collect(),
        };
        draft.check(&cx);
        draft.resolve(&cx);
        let mut found = cx.take_found();
        let refused = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        // A mistake often draws a warning after it, about what it left undone: first things first.
        found.retain(|diagnostic| !refused || diagnostic.severity == Severity::Error);
        let found = source.written.diagnostics(found);
        if refused { Err(found) } else { Ok((draft.into_config(&cx), found)) }
    }
}
