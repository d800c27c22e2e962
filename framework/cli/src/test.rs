//! `stook test`.

use std::path::PathBuf;

use stook::exit;
use stook_plugin::Linked;

use crate::config::registry;
use crate::output::{Failure, Format, has_colors, print, print_json, say};
use crate::scenario::{File, Summary};

/// Run scenario files against the real engine in virtual time.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scenario files: TOML, or Markdown with scenarios in blocks that open with ```toml scenario.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only scenarios whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
    /// How to print the outcome; `json` is one object per scenario, on a line of its own.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args, linked: Linked) -> Result<(), Failure> {
    let files = read(&args.files)?;
    let registry = registry(linked)?;
    let colored = has_colors(&std::io::stdout());
    let mut summary = Summary::default();
    let scenarios = files.iter().flat_map(|file| &file.scenarios);
    for scenario in scenarios.filter(|scenario| scenario.name().contains(&args.filter)) {
        let report = scenario.run(&registry);
        summary.add(&report);
        match args.format {
            Format::Json => print_json(&report)?,
            Format::Text if report.passed() => {}
            Format::Text if colored => print(&format!("{}\n", report.colored()))?,
            Format::Text => print(&format!("{report}\n"))?,
        }
    }
    if args.format == Format::Text {
        print(&format!("{summary}\n"))?;
    }
    if summary.passed + summary.failed == 0 && !args.filter.is_empty() {
        return Err(Failure::Usage(format!("no scenario's name contains `{}`", args.filter)));
    }
    if summary.failed > 0 { Err(Failure::Said(exit::FAILURE)) } else { Ok(()) }
}

/// Reads all files before anything runs, so that everything that is wrong with them is said at once.
fn read(paths: &[PathBuf]) -> Result<Vec<File>, Failure> {
    let (files, mistakes): (Vec<_>, Vec<_>) =
        paths.iter().map(|path| File::read(path)).partition(Result::is_ok);
    let mistakes: Vec<_> =
        mistakes.into_iter().filter_map(Result::err).map(|mistakes| mistakes.to_string()).collect();
    if mistakes.is_empty() {
        return Ok(files.into_iter().flatten().collect());
    }
    say(&mistakes.join("\n"));
    Err(Failure::Said(exit::CONFIG))
}
