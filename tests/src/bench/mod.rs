//! Measures what stook promises: every figure many times, all of one run, beside the machine's own limit where there
//! is one. Says what it found and asserts nothing.
//!
//! | figure | module |
//! | --- | --- |
//! | a collector is killed with 10,000 tasks in flight | `failover` |
//! | a collector hangs | `hang` |
//! | choosing who gets a task | `decision` |
//! | the choices of a policy, beside those that one queue for all makes by itself | `balance`, `simulation` |
//! | a collector that ended is back | `restart` |
//! | results through a host, as many as can be | `throughput`, `traffic`, `bare` |
//! | how long a set takes from its last result on | `latency`, `traffic`, `echo` |
//! | a result finds its set among few and many | `offer`, `pending`, `memory` |
//! | many sets are due | `expiry` |
//! | what a pending set takes in memory | `set_bytes` |
//! | what each rule of a merge takes for a value | `rules` |
//! | remembering what was seen, with the memory full | `dedup` |
//!
//! What takes processes runs a host as `stook run` does, on a thread with a runtime of its own, and this program once
//! more for each collector (`collector`): so one build has all that is measured.

mod balance;
#[cfg(unix)]
mod bare;
mod bars;
#[cfg(unix)]
mod clock;
#[cfg(unix)]
mod collector;
mod decision;
mod dedup;
#[cfg(unix)]
mod echo;
mod expiry;
#[cfg(unix)]
mod failover;
#[cfg(unix)]
mod fixture;
#[cfg(unix)]
mod hang;
#[cfg(unix)]
mod latency;
mod memory;
mod offer;
mod pending;
mod plugins;
mod policies;
mod report;
#[cfg(unix)]
mod restart;
mod rules;
mod set_bytes;
mod simulation;
mod stats;
mod stopwatch;
#[cfg(unix)]
mod throughput;
#[cfg(unix)]
mod traffic;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(unix)]
pub use collector::run as collect;
#[cfg(unix)]
pub use echo::echo;
use report::Outcome;
pub use report::Report;
pub use set_bytes::hold_sets;
#[cfg(unix)]
pub use throughput::write;
#[cfg(unix)]
pub use traffic::{Part, stream};

/// Something that can be measured.
pub struct Figure {
    /// How it is called on the command line and in the output.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    measure: fn(&mut Bench) -> Result<Outcome, Halt>,
}

/// A run.
pub struct Bench {
    /// Whether it is to be over within a minute.
    quick: bool,
    stop: Arc<AtomicBool>,
    figure: &'static str,
    said: Option<Instant>,
}

/// Why a figure was not measured.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Halt {
    /// Somebody wants the run to end.
    Stopped,
    /// It could not be.
    Failed(String),
}

/// What can be measured here.
pub const FIGURES: &[Figure] = &[
    #[cfg(unix)]
    Figure {
        name: "throughput",
        about: "results/s of 4 collectors, beside frames that are decoded and dropped",
        measure: throughput::measure,
    },
    #[cfg(unix)]
    Figure {
        name: "latency",
        about: "last result sent to aggregate, at 50,000 results/s (`latency_vs_echo`)",
        measure: latency::measure,
    },
    #[cfg(unix)]
    Figure {
        name: "failover",
        about: "SIGKILL of a collector with 10,000 tasks in flight, until all are with others",
        measure: failover::measure,
    },
    #[cfg(unix)]
    Figure {
        name: "hang",
        about: "SIGSTOP of a collector until its tasks are with others, in heartbeat intervals",
        measure: hang::measure,
    },
    Figure { name: "decision", about: "choosing among 64 collectors", measure: decision::measure },
    Figure {
        name: "balance",
        about: "p99 of latency with two of eight collectors four times slower, beside one queue for all",
        measure: balance::measure,
    },
    #[cfg(unix)]
    Figure {
        name: "restart",
        about: "SIGKILL of a collector until its successor is registered, beside bare spawning",
        measure: restart::measure,
    },
    Figure {
        name: "offer",
        about: "a result finds its set among 1,000 to 1,000,000 (`offer_growth`)",
        measure: offer::measure,
    },
    Figure {
        name: "expiry",
        about: "up to 1,000,000 sets are due, at once and one by one",
        measure: expiry::measure,
    },
    Figure {
        name: "set_bytes",
        about: "memory of a pending set, beside what the budget is charged",
        measure: set_bytes::measure,
    },
    Figure { name: "rules", about: "each rule of `fields`, beside bare decoding", measure: rules::measure },
    Figure {
        name: "dedup",
        about: "`content` with its memory full, beside no dedup",
        measure: dedup::measure,
    },
];

/// How often progress is said.
const PROGRESS: Duration = Duration::from_secs(1);

/// Measures these figures, or all if none is named. `None` if `stop` became true before the end.
///
/// # Errors
/// If there is no figure of such a name.
pub fn run(names: &[String], quick: bool, stop: &Arc<AtomicBool>) -> Result<Option<Report>, String> {
    if let Some(unknown) = names.iter().find(|name| !FIGURES.iter().any(|figure| figure.name == **name)) {
        let all: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        let near = stook_types::nearest(unknown, all.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        return Err(format!("no figure is named `{unknown}`; {near}there is {}", all.join(", ")));
    }
    let mut report = Report::new(quick);
    for figure in FIGURES.iter().filter(|figure| names.is_empty() || names.iter().any(|n| n == figure.name)) {
        let mut bench = Bench { quick, stop: stop.clone(), figure: figure.name, said: None };
        let outcome = (figure.measure)(&mut bench);
        bench.hush();
        match outcome {
            Err(Halt::Stopped) => return Ok(None),
            Err(Halt::Failed(why)) => report.add(figure.name, Err(why)),
            Ok(outcome) => report.add(figure.name, Ok(outcome)),
        }
    }
    Ok(Some(report))
}

impl Bench {
    /// How much is measured: the one in a short run, else the other.
    fn amount(&self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// Says from time to time what is done, and ends the figure if somebody wants that.
    fn goes_on(&mut self, doing: impl FnOnce() -> String) -> Result<(), Halt> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Halt::Stopped);
        }
        if self.said.is_none_or(|said| said.elapsed() >= PROGRESS) {
            self.said = Some(Instant::now());
            let (figure, doing) = (self.figure, doing());
            let mut err = std::io::stderr().lock();
            // Nobody may listen.
            let _ = match err.is_terminal() {
                true => write!(err, "\r\x1b[K{figure}: {doing}"),
                false => writeln!(err, "{figure}: {doing}"),
            };
            let _ = err.flush();
        }
        Ok(())
    }

    /// Takes the last progress off a terminal.
    fn hush(&self) {
        let mut err = std::io::stderr();
        if self.said.is_some() && err.is_terminal() {
            let _ = write!(err, "\r\x1b[K");
        }
    }

    /// Waits until something is so, for at most `patience`. Looks once a millisecond: whoever is measured does not
    /// wake us.
    #[cfg(unix)]
    fn until(&mut self, what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) -> Result<(), Halt> {
        let end = Instant::now() + patience;
        while !is_so() {
            self.goes_on(|| what.to_owned())?;
            if Instant::now() >= end {
                return Err(Halt::Failed(format!("waited {patience:?} in vain: {what}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Lets some time go by.
    #[cfg(unix)]
    fn pause(&mut self, what: &str, span: Duration) -> Result<(), Halt> {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.goes_on(|| what.to_owned())?;
            std::thread::sleep((end - Instant::now()).min(Duration::from_millis(50)));
        }
        Ok(())
    }
}

impl Halt {
    /// A failure, in words.
    fn failed(why: impl std::fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }
}
