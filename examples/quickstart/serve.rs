//! The host, from start to stop.

use std::convert::Infallible;
use std::future::pending;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stook::config::Config;
use stook::{Event, Handle, Host, HostError, Summary, told_to_stop};
use stook_types::{CollectorId, Value};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use crate::args::{Args, Format};
use crate::failure::{Failure, say};
use crate::ledger::Ledger;
use crate::print::Printer;
use crate::verdict::{Verdict, is_quiet};
use crate::{chaos, config};

/// How long collectors may take to leave. They have nothing to save, and Ctrl-C is to be felt at once.
const GRACE: Duration = Duration::from_millis(400);
/// How long everything may take to be done and back, once chaos is over: longer than any set stays open.
const AFTERMATH: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What chaos is made of.
struct Chaos {
    seed: u64,
    ledger: Ledger,
}

/// Runs a host of this config until it has printed enough or is told to stop.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let config = config::load(args.config.as_deref(), args.collectors)?;
    let victim = args.kill.as_ref().map(|id| config::child(&config, id)).transpose()?;
    let chaos = args.chaos.then(|| Chaos {
        // Short enough to be typed again.
        seed: args.seed.unwrap_or_else(|| Uuid::new_v4().as_u128() as u64 % 1_000_000),
        ledger: Ledger::new(&config),
    });
    if args.format == Format::Text && std::io::stderr().is_terminal() {
        say("The first scan hashes every running executable, which may take a moment. Ctrl-C ends it.\n\n");
    }
    let ledger = chaos.as_ref().map(|chaos| chaos.ledger.clone());
    let printer = Arc::new(Mutex::new(Printer::new(args.format, args.scans, ledger)));
    // One thread serves all sessions best: they share one aggregator, and callbacks have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::run)?;
    runtime.block_on(serve(config, victim, chaos, args, printer.clone()))?;
    let outcome = printer.lock().unwrap_or_else(PoisonError::into_inner).outcome();
    outcome.map_err(|error| Failure::Run(format!("failed to write to standard output: {error}")))
}

async fn serve(
    config: Config,
    victim: Option<CollectorId>,
    chaos: Option<Chaos>,
    args: Args,
    printer: Arc<Mutex<Printer>>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let enough = Arc::new(Notify::new());
    let aggregates: Vec<_> = config.aggregates.iter().map(|aggregate| aggregate.spec.name.clone()).collect();
    let mut builder = Host::builder(config).grace(GRACE);
    let handle = builder.handle();
    for aggregate in aggregates {
        let (printer, enough) = (printer.clone(), enough.clone());
        builder = builder.on_complete(&*aggregate, move |result| {
            let ended = printer.lock().unwrap_or_else(PoisonError::into_inner).print(result);
            if ended {
                enough.notify_one();
            }
        });
    }
    let mut kill = victim.map(|victim| kill_at_second_scan(victim, handle.clone()));
    let ledger = chaos.as_ref().map(|chaos| chaos.ledger.clone());
    builder = builder.on_event(move |event| {
        if let Some(ledger) = &ledger {
            ledger.open().hear(event);
            if matches!(event, Event::TaskAssigned { .. }) {
                chaos::spare(ledger);
            }
        }
        if let Some(kill) = &mut kill {
            kill(event);
        }
    });
    let host = builder.build().map_err(Failure::run)?;

    let mut run = tokio::spawn(host.run());
    tokio::select! {
        ended = &mut run => return summary(ended).map(drop),
        () = told_to_stop() => {}
        () = enough.notified() => {}
        () = wait(args.time.map(|time| time.0)) => {}
        never = rage(chaos.as_ref(), &handle) => match never {},
    }
    match chaos {
        Some(chaos) => judge(chaos, args.format, started, &handle, run).await,
        None => {
            handle.stop();
            summary(run.await).map(drop)
        }
    }
}

/// Lets everything come to rest, stops, and says what was lost.
async fn judge(
    Chaos { seed, ledger }: Chaos,
    format: Format,
    started: Instant,
    host: &Handle,
    run: JoinHandle<Result<Summary, HostError>>,
) -> Result<(), Failure> {
    chaos::calm(&ledger);
    tokio::select! {
        () = quiet(host) => {}
        () = told_to_stop() => {}
        () = sleep(AFTERMATH) => {}
    }
    let status = host.status().await;
    ledger.open().close();
    host.stop();
    let summary = summary(run.await)?;
    let status = status.unwrap_or(Value::Null);
    let (results, took) = (&summary.counters, started.elapsed());
    let verdict = Verdict { seed, took, status: &status, results, counts: &ledger.open().counts() };
    match format {
        // That nobody reads it is found out soon enough.
        Format::Text => _ = std::io::stdout().write_all(verdict.text().as_bytes()),
        Format::Jsonl => say(&verdict.text()),
    }
    match verdict.wrong().len() {
        0 => Ok(()),
        _ => Err(Failure::run("something was lost, or does not add up")),
    }
}

async fn rage(chaos: Option<&Chaos>, host: &Handle) -> Infallible {
    let Some(Chaos { seed, ledger }) = chaos else { return pending().await };
    say(&format!("chaos with --seed {seed}\n"));
    chaos::rage(*seed, ledger.clone(), host.clone()).await
}

/// Completes when nothing is under way.
async fn quiet(host: &Handle) {
    while host.status().await.is_some_and(|status| !is_quiet(&status)) {
        sleep(LOOK).await;
    }
}

async fn wait(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}

fn summary(ended: Result<Result<Summary, HostError>, tokio::task::JoinError>) -> Result<Summary, Failure> {
    match ended {
        Ok(ended) => ended.map_err(Failure::run),
        Err(_) => Err(Failure::run("the host panicked")),
    }
}

/// Kills the collector when it is given something of a scan for the second time: it has it and has not answered.
fn kill_at_second_scan(victim: CollectorId, host: Handle) -> impl FnMut(&Event) + Send {
    let (mut scans, mut last) = (0, None);
    move |event| match event {
        Event::TaskAssigned { collector, task_id, .. } if *collector == victim && last != Some(*task_id) => {
            (scans, last) = (scans + 1, Some(*task_id));
            if scans == 2 {
                host.kill(&victim);
            }
        }
        _ => {}
    }
}
