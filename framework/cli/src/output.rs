//! What verbs say, and how they fail.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

pub(crate) use crate::logging::has_colors;
use clap::ValueEnum;
use stook::config::Diagnostics;
use stook::exit;
pub(crate) use stook_types::harmless::clean;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How data is printed that comes by and by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object of JSON a line.
    Jsonl,
}

/// Why a verb did not do what it was asked for.
pub(crate) enum Failure {
    /// The config is wrong.
    Config(Diagnostics),
    /// The command line asks for something that is not there.
    Usage(String),
    /// There is no host to ask, or it does not answer.
    Unreachable(String),
    /// The host speaks something else.
    Protocol(String),
    /// Anything else.
    Other(String),
    /// The verb has said all there is to say; this is the exit code.
    Said(u8),
}

impl Failure {
    /// Says it on standard error; gives the exit code for it.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Config(errors) => complain(errors),
            Self::Usage(message)
            | Self::Unreachable(message)
            | Self::Protocol(message)
            | Self::Other(message) => say(&format!("stook: {message}\n")),
            Self::Said(_) => {}
        }
        let code = match self {
            Self::Config(_) => exit::CONFIG,
            Self::Usage(_) => exit::USAGE,
            Self::Unreachable(_) => exit::UNAVAILABLE,
            Self::Protocol(_) => exit::PROTOCOL,
            Self::Other(_) => exit::FAILURE,
            Self::Said(code) => *code,
        };
        code.into()
    }
}

/// Prints data. A reader who has seen enough and closed the pipe is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut to = io::stdout().lock();
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("failed to write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints data as one line of JSON.
pub(crate) fn print_json(data: &impl serde::Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(data)
        .map_err(|error| Failure::Other(format!("failed to write as JSON: {error}")))?;
    print(&format!("{json}\n"))
}

/// Shows what was found in a config on standard error.
pub(crate) fn complain(diagnostics: &Diagnostics) {
    if has_colors(&io::stderr()) {
        say(&diagnostics.colored().to_string());
    } else {
        say(&diagnostics.to_string());
    }
}

/// If nobody reads standard error, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// How something stands out on a terminal, as ANSI numbers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

/// Whether styles are written: on a terminal only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    #[cfg(test)]
    pub(crate) const NONE: Self = Self(false);

    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self(has_colors(&io::stdout()))
    }

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let number = match style {
            Style::Plain => return text.to_owned(),
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
        };
        if self.0 { format!("\x1b[{number}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
