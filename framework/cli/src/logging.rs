//! The log of a verb that runs for long, on standard error: lines for people, or a JSON object per line for programs.
//!
//! What a collector, a child process or an operator has written stands in it like anything else. So it is made harmless
//! here, whatever wrote it: nothing in a line moves the cursor, colours what follows or begins another line.

use std::fmt;
use std::io::IsTerminal;

use clap::ValueEnum;
use stook_types::harmless::{clean, is_harmful};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Format, Json, Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// How to log.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LogArgs {
    /// How lines of the log look. What is logged is in STOOK_LOG, like `debug` or `stook=trace,info`; `info` without it.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        env = "STOOK_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: LogFormat,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object per line: timestamp, level, target, message, and what the message is about.
    Json,
}

const VARIABLE: &str = "STOOK_LOG";

impl LogArgs {
    /// Starts to log to standard error.
    ///
    /// # Errors
    /// If `STOOK_LOG` makes no sense: what is wrong with it, and what would be right.
    pub fn start(self) -> Result<(), String> {
        let wanted = std::env::var(VARIABLE).ok().filter(|wanted| !wanted.trim().is_empty());
        let filter = filter(wanted.as_deref())?;
        let log = subscriber(self.log_format, filter, has_colors(&std::io::stderr()), std::io::stderr);
        tracing::subscriber::set_global_default(log).map_err(|_| "the log was started already".to_owned())
    }
}

fn filter(wanted: Option<&str>) -> Result<EnvFilter, String> {
    let wanted = wanted.unwrap_or("info");
    EnvFilter::try_new(wanted).map_err(|error| {
        let wanted = clean(wanted);
        format!("{VARIABLE} is `{wanted}`: {error}\nwrite a level, like `debug`, or levels by target, like `stook=trace,info`")
    })
}

/// What writes the log so that it can be read, in colours if wanted.
pub fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colored: bool,
    to: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Complaints about what cannot be written would go to standard error too, and panic there.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(to).log_internal_errors(false);
    match format {
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(false).with_span_list(false);
            Box::new(log.map_event_format(Escaped).finish())
        }
        LogFormat::Text => {
            let field = debug_fn(|to, field, value| match field.name() {
                "message" => write!(to, "{}", clean(&format!("{value:?}"))),
                name if to.has_ansi_escapes() => {
                    write!(to, "\x1b[2m{name}=\x1b[0m{}", clean(&format!("{value:?}")))
                }
                name => write!(to, "{name}={}", clean(&format!("{value:?}"))),
            });
            Box::new(log.with_ansi(colored).fmt_fields(field.delimited(" ")).finish())
        }
    }
}

/// JSON in which everything is escaped that a terminal could obey: JSON itself asks for less.
struct Escaped(Format<Json>);

impl<S, N> FormatEvent<S, N> for Escaped
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, of: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(of, Writer::new(&mut line), event)?;
        for c in line.trim_end_matches('\n').chars() {
            // Beyond ASCII only in strings.
            if is_harmful(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(to, "\\u{unit:04x}")?;
                }
            } else {
                to.write_char(c)?;
            }
        }
        to.write_char('\n')
    }
}

/// Whether to write colours there: on a terminal, unless the user set `NO_COLOR`.
pub fn has_colors(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str = "a\u{1b}[2J\r\nINFO forged\u{9b}31m\u{202e}\0";

    /// What is written of lines with harmful text in every place.
    fn written(format: LogFormat, colored: bool) -> String {
        let written = Written::default();
        let to = written.clone();
        let log = subscriber(format, filter(None).unwrap(), colored, move || to.clone());
        tracing::subscriber::with_default(log, || {
            tracing::info!(target: "t", why = HOSTILE, error = %HOSTILE, count = 3_u64, none = None::<u32>, "{HOSTILE}");
            tracing::debug!("not at this level");
        });
        String::from_utf8(std::mem::take(&mut *written.0.lock().unwrap())).unwrap()
    }

    #[test]
    fn a_line_is_a_line_whatever_is_in_it() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let written = written(format, false);
            assert_eq!(written.lines().count(), 1, "{written:?}");
            assert!(!written.trim_end_matches('\n').contains(is_harmful), "{written:?}");
        }
    }

    #[test]
    fn text_shows_fields_behind_the_message() {
        let text = written(LogFormat::Text, false);
        let (_, text) = text.split_once(' ').unwrap();
        let harmless = clean(HOSTILE);
        let says = format!(
            " INFO t: {harmless} why=\"a\\u{{1b}}[2J\\r\\nINFO forged\\u{{9b}}31m\\u{{202e}}\\0\" error={harmless} count=3\n"
        );
        assert_eq!(text, says);
        assert!(written(LogFormat::Text, true).contains("\u{1b}[2mcount=\u{1b}[0m3"));
    }

    #[test]
    fn json_is_flat() {
        let json = written(LogFormat::Json, true);
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let timestamp = json["timestamp"].take();
        let timestamp = timestamp.as_str().unwrap();
        assert!(timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b'T', "{timestamp}");
        let says = serde_json::json!({
            "timestamp": null, "level": "INFO", "target": "t", "message": HOSTILE, "why": HOSTILE,
            "error": HOSTILE, "count": 3
        });
        assert_eq!(json, says);
    }

    #[test]
    fn levels_that_make_no_sense_are_refused() {
        let error = filter(Some("stook=loud")).unwrap_err();
        assert!(error.starts_with("STOOK_LOG is `stook=loud`: "), "{error}");
    }
}
