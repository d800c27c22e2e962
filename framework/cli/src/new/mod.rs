//! `stook new`: a crate to begin with, of a collector or a policy.

mod collector;
mod policy;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::output::{Failure, print};

/// Write a crate to begin with: it builds, and passes its tests.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    Collector(collector::Args),
    Policy(policy::Args),
}

/// Where stook itself is.
#[derive(clap::Args)]
struct Stook {
    /// A checkout of stook: the crates that yours needs are not published yet, and are taken from there.
    #[arg(long = "stook", value_name = "PATH")]
    path: PathBuf,
}

pub(crate) fn run(verb: &Verb) -> Result<(), Failure> {
    match verb {
        Verb::Collector(args) => collector::run(args),
        Verb::Policy(args) => policy::run(args),
    }
}

impl Stook {
    /// The checkout as a manifest has it, if this crate is in it.
    fn with(&self, krate: &str) -> Result<String, Failure> {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        if !path.join(krate).join("Cargo.toml").is_file() {
            let path = self.path.display();
            return Err(Failure::Usage(format!(
                "`{path}` is no checkout of stook: there is no {krate} in it"
            )));
        }
        // Inside of quotes, in TOML.
        Ok(path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Writes these files, with words of them replaced, into a directory that is not there yet, and says what to do next.
fn write(name: &str, files: &[(&str, &str)], words: &[(&str, &str)], next: &str) -> Result<(), Failure> {
    let fill = |text: &str| words.iter().fold(text.to_owned(), |text, (word, by)| text.replace(word, by));
    let directory = Path::new(name);
    let failed = |error: io::Error| Failure::Other(format!("failed to write {name}: {error}"));
    fs::create_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Other(format!("`{name}` is there already; nothing was written"))
        }
        _ => failed(error),
    })?;
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap_or(directory)).map_err(failed)?;
        fs::write(path, fill(text)).map_err(failed)?;
    }
    print(&fill(next))
}

/// A name that a crate can have.
fn kebab(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.split('-').all(is_word) && text.starts_with(|first: char| first.is_ascii_lowercase()) {
        Ok(text.to_owned())
    } else {
        Err("write lower-case words with `-` between them, like `disk-watch`".to_owned())
    }
}
