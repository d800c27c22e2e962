//! A scenario file, understood.

use std::path::Path;
use std::sync::Arc;

use stook_plugin::SetKey;
use stook_types::{CollectorId, MonoTime, Payload, Topic};

use super::mistakes::Mistakes;
use super::names::Mention;
use super::pattern::Pattern;
use super::{markdown, parse};

/// One scenario file.
#[derive(Debug)]
#[non_exhaustive]
pub struct File {
    /// Its scenarios, in order.
    pub scenarios: Vec<Scenario>,
}

/// A config, a course of events, and everything that must come of it.
#[derive(Debug)]
pub struct Scenario {
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) steps: Vec<Step>,
    pub(super) until: MonoTime,
    pub(super) expected: Expected,
    /// What it names that the config must have.
    pub(super) mentions: Vec<Mention>,
}

/// The text of a config, and the file in which it stands.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) file: Arc<str>,
    /// Preceded by as many empty lines as stand before it in the file, so that errors in it have their true line.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) enum Expected {
    /// The config is refused with this text.
    Error(String),
    /// This comes out, and nothing else.
    Run { emissions: Vec<Pattern>, refusals: Vec<Pattern>, counters: Option<Pattern> },
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) at: MonoTime,
    /// Where it stands, both from 1.
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Result(Box<Sent>),
    Announce {
        aggregate: String,
        key: SetKey,
        expected: Vec<CollectorId>,
        by_task: bool,
    },
    /// `ends`: the sets that were told of the task.
    TaskEnded {
        collector: CollectorId,
        key: Option<SetKey>,
        ends: Vec<(String, SetKey)>,
        failed: bool,
    },
    Died(CollectorId),
    Connected {
        collector: CollectorId,
        incarnation: Option<String>,
    },
    Force {
        aggregate: String,
        key: Option<SetKey>,
    },
    Deliver(Mood),
    Shutdown,
}

/// A result that a collector sends.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) from: CollectorId,
    pub(super) incarnation: Option<String>,
    /// Absent if it is the host's own, which nobody may publish.
    pub(super) topic: Option<Topic>,
    pub(super) id: stook_types::CorrelationId,
    pub(super) payload: Payload,
    pub(super) sequence: Option<u64>,
    pub(super) timestamp: Option<i64>,
    pub(super) last: bool,
}

stook_plugin::choice! {
    /// What the sink does with what it is given.
    pub(super) enum Mood {
        /// Takes it.
        Ok = "ok",
        /// Fails; it is tried again.
        Fail = "fail",
        /// Does not come back.
        Block = "block",
    }
}

// === impl File ===

impl File {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// If it cannot be read; all that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, Mistakes> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Mistakes::unreadable(name.as_str().into(), &error))?;
        Self::parse(&name, &text)
    }

    /// Understands the text of a scenario file. `name` is its path: it stands for it in messages, a `config_file` in it is
    /// looked for from there, and if it ends in `.md`, the text is Markdown, and the scenarios are in its blocks that
    /// open with `` ```toml scenario ``, if there are any.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, Mistakes> {
        let is_markdown = Path::new(name).extension().is_some_and(|extension| extension == "md");
        if !is_markdown {
            return parse::file(name.into(), text);
        }
        let scenarios = markdown::scenarios(text);
        if scenarios.trim().is_empty() {
            return Ok(Self { scenarios: Vec::new() });
        }
        parse::file(name.into(), &scenarios)
    }
}

// === impl Scenario ===

impl Scenario {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

// === impl Action ===

impl Action {
    /// The collector that does this by itself, and the incarnation that it does it as, if that is said.
    pub(super) fn actor(&self) -> Option<(&CollectorId, Option<&str>)> {
        match self {
            Self::Result(sent) => Some((&sent.from, sent.incarnation.as_deref())),
            Self::Connected { collector, incarnation } => Some((collector, incarnation.as_deref())),
            Self::TaskEnded { collector, .. } | Self::Died(collector) => Some((collector, None)),
            Self::Announce { .. } | Self::Force { .. } | Self::Deliver(_) | Self::Shutdown => None,
        }
    }
}
