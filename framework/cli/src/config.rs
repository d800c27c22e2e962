//! The config argument of several verbs, and the plugins that a config can select here.

use std::path::{Path, PathBuf};

use stook::config::{Config, Diagnostics, Source};
use stook::{Registry, link_plugins};
use stook_plugin::BuildContext;

use crate::output::Failure;

/// Which config.
#[derive(clap::Args)]
pub(crate) struct ConfigArg {
    /// The config file.
    #[arg(value_name = "FILE", default_value = "stook.toml")]
    file: PathBuf,
    /// The config file; the same as FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    pub(crate) fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(&self.file)
    }

    /// Loads it, with its warnings.
    pub(crate) fn load(&self, context: &BuildContext) -> Result<(Config, Diagnostics), Failure> {
        let registry = registry()?;
        Source::toml_file(self.path())
            .and_then(|source| Config::load(&source, &registry, context))
            .map_err(Failure::Config)
    }
}

/// Every plugin of the crates that this binary links.
pub(crate) fn registry() -> Result<Registry, Failure> {
    Registry::linked(link_plugins!(stook_strategies)).map_err(|error| Failure::Other(error.to_string()))
}
