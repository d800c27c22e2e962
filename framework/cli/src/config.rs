//! The config argument of several verbs, and the plugins that a config can select here.

use std::path::{Path, PathBuf};

use stook::Registry;
use stook::config::{Config, Diagnostics, Source};
use stook_plugin::{BuildContext, Linked};

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
    pub(crate) fn load(
        &self,
        context: &BuildContext,
        linked: Linked,
    ) -> Result<(Config, Diagnostics), Failure> {
        let registry = registry(linked)?;
        Source::toml_file(self.path())
            .and_then(|source| Config::load(&source, &registry, context))
            .map_err(Failure::Config)
    }
}

/// Every plugin of the crates that the binary links.
pub(crate) fn registry(linked: Linked) -> Result<Registry, Failure> {
    Registry::linked(linked).map_err(|error| Failure::Other(error.to_string()))
}
