//! How the quickstart fails.

use std::io::Write;
use std::process::ExitCode;

use stook::config::Diagnostics;
use stook::exit;

/// Why it did not do what it was asked for.
pub(crate) enum Failure {
    /// The command line asks for something that is not there.
    Usage(String),
    /// The config is wrong.
    Config(Diagnostics),
    /// Anything else.
    Run(String),
}

impl Failure {
    /// For an error without a kind of its own.
    pub(crate) fn run(error: impl ToString) -> Self {
        Self::Run(error.to_string())
    }

    /// Says it on standard error; gives the exit code for it.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Usage(text) => (format!("quickstart: {text}\n"), exit::USAGE),
            Self::Config(errors) => (errors.to_string(), exit::CONFIG),
            Self::Run(text) => (format!("quickstart: {text}\n"), exit::FAILURE),
        };
        say(&text);
        code.into()
    }
}

/// Writes to standard error. If nobody reads it, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
