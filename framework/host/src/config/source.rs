//! Where a config comes from.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::Diagnostics;
use super::diagnostic::Diagnostic;
use super::node::{Node, Place};

/// A config that was read but not understood yet, with the name under which errors speak of it.
#[derive(Debug)]
pub struct Source {
    pub(super) written: Written,
    pub(super) root: Node,
}

/// Under which name a config was read, and from which text if it was text: to say where something stands in it.
#[derive(Clone)]
pub(super) struct Written {
    file: Arc<str>,
    pub(super) text: Option<Arc<str>>,
}

impl Source {
    /// A config in any format that serde knows. Errors in it are named by path (`aggregate.a.timeout`), for
    /// serde tells no positions.
    ///
    /// # Errors
    /// If the format's own rules are broken.
    pub fn deserialize<'de, D: Deserializer<'de>>(name: &str, from: D) -> Result<Self, Diagnostics> {
        let read = Node::deserialize(from);
        let mut root = read.map_err(|error| {
            Diagnostics::new(name, None, vec![Diagnostic::error(&Place::Nowhere, error.to_string())])
        })?;
        root.place_by_path("");
        Ok(Self { written: Written { file: name.into(), text: None }, root })
    }

    /// The TOML file at `path`.
    ///
    /// # Errors
    /// If it cannot be read or is no TOML.
    #[cfg(feature = "toml")]
    pub fn toml_file(path: impl AsRef<std::path::Path>) -> Result<Self, Diagnostics> {
        let path = path.as_ref();
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::toml(&name, &text),
            Err(error) => {
                let unread =
                    Diagnostic::error(&Place::Nowhere, format!("the config file cannot be read: {error}"));
                Err(Diagnostics::new(&name, None, vec![unread]))
            }
        }
    }

    /// TOML text. `name` stands for the file in errors.
    ///
    /// # Errors
    /// If it is no TOML; all that is wrong with it.
    #[cfg(feature = "toml")]
    pub fn toml(name: &str, text: &str) -> Result<Self, Diagnostics> {
        // Some editors begin a file with a byte order mark, which is no column of its first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let written = Written { file: name.into(), text: Some(text.into()) };
        match super::toml::parse(text) {
            Ok(root) => Ok(Self { written, root }),
            Err(list) => Err(written.diagnostics(list)),
        }
    }
}

// === impl Written ===

impl Written {
    /// For a config that does not stand there as it is.
    pub(super) fn without_text(&self) -> Self {
        Self { file: self.file.clone(), text: None }
    }

    /// These, each where it stands.
    pub(super) fn diagnostics(&self, list: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics::new(&self.file, self.text.clone(), list)
    }
}

/// Without the text, which may be long.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}
