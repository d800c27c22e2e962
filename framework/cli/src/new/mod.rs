//! `stook new`: a crate to begin with, of a collector, a policy or a host.

mod collector;
mod host;
mod policy;
mod workspace;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::output::{Failure, print};

/// Write a crate to begin with: it builds, and passes its tests.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    Collector(collector::Args),
    Policy(policy::Args),
    Host(host::Args),
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
        Verb::Host(args) => host::run(args),
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
        Ok(in_quotes(&path))
    }
}

/// A path inside of quotes, in TOML.
fn in_quotes(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"")
}

/// The text with these words replaced, in one pass: what takes their place may contain such a word itself.
fn fill(text: &str, words: &[(&str, &str)]) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    let find = |rest: &str| {
        let places = words.iter().filter_map(|(word, by)| Some((rest.find(word)?, word.len(), *by)));
        places.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, length, by)) = find(rest) {
        filled.push_str(&rest[..at]);
        filled.push_str(by);
        rest = &rest[at + length..];
    }
    filled + rest
}

/// Writes these files, with words of them replaced, into a directory that is not there yet, and says what to do next.
fn write(name: &str, files: &[(&str, &str)], words: &[(&str, &str)], next: &str) -> Result<(), Failure> {
    let fill = |text: &str| fill(text, words);
    let directory = Path::new(name);
    let failed = |error: io::Error| Failure::Other(format!("failed to write {name}: {error}"));
    fs::create_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Other(format!("`{name}` is there already; nothing was written"))
        }
        _ => failed(error),
    })?;
    for (path, text) in files {
        let path = directory.join(fill(path));
        fs::create_dir_all(path.parent().unwrap_or(directory)).map_err(failed)?;
        fs::write(&path, fill(text)).map_err(failed)?;
        format(&path);
    }
    let next = fill(next);
    let (made, next) = next.split_once('\n').unwrap_or((&next, ""));
    let workspace = workspace::advice(directory).unwrap_or_default();
    print(&format!("{made}\n{workspace}{next}"))
}

/// Writes a file into a crate that is there, and makes it a module of it.
fn add(
    directory: &Path,
    (path, text): (&str, &str),
    module: &str,
    words: &[(&str, &str)],
    next: &str,
) -> Result<(), Failure> {
    let fill = |text: &str| fill(text, words);
    let (path, lib) = (directory.join(fill(path)), directory.join("src/lib.rs"));
    let failed = |path: &Path, error: io::Error| {
        Failure::Other(format!("failed to write {}: {error}", path.display()))
    };
    let mut root = fs::read_to_string(&lib).map_err(|error| {
        Failure::Usage(format!("`{}` is no crate of policies: its src/lib.rs: {error}", directory.display()))
    })?;
    let mut file = fs::File::create_new(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Other(format!("`{}` is there already; nothing was written", path.display()))
        }
        _ => failed(&path, error),
    })?;
    file.write_all(fill(text).as_bytes()).map_err(|error| failed(&path, error))?;
    if !root.is_empty() && !root.ends_with('\n') {
        root.push('\n');
    }
    fs::write(&lib, root + &fill(module)).map_err(|error| failed(&lib, error))?;
    format(&path);
    print(&fill(next))
}

/// Lines break elsewhere with longer names. Without rustfmt they stay as they are.
fn format(source: &Path) {
    if source.extension().is_some_and(|extension| extension == "rs") {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024"]).arg(source).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = rustfmt.status();
    }
}

/// A name that a crate can have.
fn kebab(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        Err(format!(
            "`{text}` begins with a digit, and no crate or type can be named so; begin with a letter"
        ))
    } else if text.split('-').all(is_word) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no name: write lower-case words with `-` between them, like `disk-watch`"))
    }
}
