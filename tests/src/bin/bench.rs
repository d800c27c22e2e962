//! Measures what stook promises: see `stook_tests::bench`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand, ValueEnum};
use stook::{exit, told_to_stop};
use stook_tests::bench::{self, FIGURES, Report};

/// Measure what stook promises, beside this machine's own limits. A missed bar is printed and is no failure.
///
/// Progress goes to standard error. Measure a release build, on a machine that does nothing else.
#[derive(Parser)]
#[command(name = "bench", max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Args {
    /// Only these figures, like `failover`; `--list` names all
    figures: Vec<String>,
    /// Measure less often, and nothing of a million but what has a bar: within a minute
    #[arg(long)]
    quick: bool,
    /// How the outcome is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Name the figures, and measure nothing
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// `{"bars": {NAME: {"value": …, "bar": …, "met": …}}, "figures": …}`
    Json,
}

/// What else this program can be.
#[derive(Subcommand)]
enum Role {
    /// Be one of the collectors; the benchmarks start them like this
    #[cfg(unix)]
    #[command(hide = true)]
    Collect {
        /// `NAME:CONCURRENCY`
        capabilities: Vec<String>,
    },
    /// Be a collector that records results of sets, from a time on, this many sets a second or as many as can be
    #[cfg(unix)]
    #[command(hide = true)]
    Stream {
        #[command(flatten)]
        part: bench::Part,
        #[arg(long, default_value_t)]
        from: i64,
        #[arg(long)]
        rate: Option<u64>,
    },
    /// Write frames, and nothing else
    #[cfg(unix)]
    #[command(hide = true)]
    Write,
    /// Send what a collector would send, and print when it was back
    #[cfg(unix)]
    #[command(hide = true)]
    Echo {
        #[command(flatten)]
        part: bench::Part,
        #[arg(long)]
        rate: u64,
        #[arg(long)]
        from: i64,
        #[arg(long)]
        until: i64,
    },
    /// Hold a million sets, and say what that takes; `set_bytes` starts it like this
    #[command(hide = true)]
    Pending,
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // There is nowhere else to say it.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    match args.role {
        #[cfg(unix)]
        Some(Role::Collect { capabilities }) => bench::collect(&capabilities).unwrap_or_else(usage),
        #[cfg(unix)]
        Some(Role::Stream { part, from, rate }) => bench::stream(part, from, rate),
        #[cfg(unix)]
        Some(Role::Write) => bench::write(),
        #[cfg(unix)]
        Some(Role::Echo { part, rate, from, until }) => bench::echo(part, rate, from, until),
        Some(Role::Pending) => print(&bench::hold_sets().to_string()),
        None if args.list => {
            let line = |figure: &bench::Figure| format!("{:10} {}\n", figure.name, figure.about);
            print(&FIGURES.iter().map(line).collect::<String>())
        }
        None => measure(&args),
    }
}

fn measure(args: &Args) -> ExitCode {
    let stop = Arc::new(AtomicBool::new(false));
    stop_when_told(stop.clone());
    match bench::run(&args.figures, args.quick, &stop) {
        Ok(Some(report)) => {
            print(&shown(&report, args.format));
            ExitCode::from(if report.is_whole() { exit::OK } else { exit::FAILURE })
        }
        Ok(None) => ExitCode::from(exit::FAILURE),
        Err(why) => usage(why),
    }
}

fn shown(report: &Report, format: Format) -> String {
    match format {
        Format::Text => report.to_text(),
        Format::Json => format!("{:#}\n", report.to_json()),
    }
}

/// Lets a run end in order: with its processes, sockets and files.
fn stop_when_told(stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // Without it Ctrl-C does what it does by default.
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async { told_to_stop().await });
        stop.store(true, Ordering::Relaxed);
    });
}

fn usage(why: String) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{why}");
    ExitCode::from(exit::USAGE)
}

fn print(text: &str) -> ExitCode {
    // Not `println!`, which panics where nobody reads.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(exit::OK)
}
