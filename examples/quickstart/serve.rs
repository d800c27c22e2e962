//! The host, from start to stop.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
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
use crate::live::{Live, Log};
use crate::print::{Form, Printer, has_colors};
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

/// Runs a host of this config until it has shown enough or is told to stop: in a live view, if that shall have the log.
pub(crate) fn run(args: Args, log: Option<Log>) -> Result<(), Failure> {
    let config = config::load(args.config.as_deref(), args.collectors)?;
    let victim = args.kill.as_ref().map(|id| config::child(&config, id)).transpose()?;
    let chaos = args.chaos.then(|| Chaos {
        // Short enough to be typed again.
        seed: args.seed.unwrap_or_else(|| Uuid::new_v4().as_u128() as u64 % 1_000_000),
        ledger: Ledger::new(&config),
    });
    let ledger = chaos.as_ref().map(|chaos| chaos.ledger.clone());
    let enough = Arc::new(Notify::new());
    let color = has_colors(&io::stdout());
    let live = log.map(|log| {
        let chaos = chaos.as_ref().map(|chaos| (chaos.seed, chaos.ledger.clone()));
        Live::start(&config, chaos, color, log, enough.clone())
    });
    if live.is_none() && args.format != Some(Format::Jsonl) && io::stderr().is_terminal() {
        say("The first scan hashes every running executable, which may take a moment. Ctrl-C ends it.\n\n");
    }
    let form = match (args.format, &live) {
        (Some(Format::Jsonl), _) => Form::Jsonl,
        (_, Some(live)) => Form::Live(live.clone()),
        (_, None) => Form::Text { color },
    };
    let printer = Arc::new(Mutex::new(Printer::new(form, args.scans, ledger)));
    // One thread serves all sessions best: they share one aggregator, and callbacks have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::run)?;
    let wishes = Wishes { victim, chaos, args, enough };
    let ran = runtime.block_on(serve(config, wishes, printer.clone(), live.as_ref()));
    if let Some(live) = live {
        live.end();
    }
    ran?;
    let outcome = printer.lock().unwrap_or_else(PoisonError::into_inner).outcome();
    outcome.map_err(|error| Failure::Run(format!("failed to write to standard output: {error}")))
}

/// What is asked for beside the config.
struct Wishes {
    victim: Option<CollectorId>,
    chaos: Option<Chaos>,
    args: Args,
    /// Told when enough was shown.
    enough: Arc<Notify>,
}

async fn serve(
    config: Config,
    Wishes { victim, chaos, args, enough }: Wishes,
    printer: Arc<Mutex<Printer>>,
    live: Option<&Live>,
) -> Result<(), Failure> {
    let started = Instant::now();
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
    let (ledger, view) = (chaos.as_ref().map(|chaos| chaos.ledger.clone()), live.cloned());
    builder = builder.on_event(move |event| {
        if let Some(ledger) = &ledger {
            ledger.open().hear(event);
            if matches!(event, Event::TaskAssigned { .. }) {
                chaos::spare(ledger);
            }
        }
        if let Some(view) = &view {
            view.hear(event);
        }
        if let Some(kill) = &mut kill {
            kill(event);
        }
    });
    let host = builder.build().map_err(Failure::run)?;

    let mut run = tokio::spawn(host.run());
    if let Some(live) = live {
        tokio::spawn(live.clone().look(handle.clone()));
    }
    tokio::select! {
        ended = &mut run => return summary(ended).map(drop),
        () = told_to_stop() => {}
        () = hung_up(live) => {}
        () = enough.notified() => {}
        () = wait(args.time.map(|time| time.0)) => {}
        never = rage(chaos.as_ref(), &handle, live) => match never {},
    }
    if let Some(live) = live {
        live.ending("stops");
    }
    match chaos {
        Some(chaos) => judge(chaos, args.format, started, &handle, run, live).await,
        None => {
            handle.stop();
            summary(run.await).map(drop)
        }
    }
}

/// Lets everything come to rest, stops, and says what was lost.
async fn judge(
    Chaos { seed, ledger }: Chaos,
    format: Option<Format>,
    started: Instant,
    host: &Handle,
    run: JoinHandle<Result<Summary, HostError>>,
    live: Option<&Live>,
) -> Result<(), Failure> {
    chaos::calm(&ledger);
    // The very status that says that nothing is under way: by the next one a scan may have begun.
    let status = tokio::select! {
        status = quiet(host) => status,
        () = told_to_stop() => host.status().await,
        () = hung_up(live) => host.status().await,
        () = sleep(AFTERMATH) => host.status().await,
    };
    ledger.open().close();
    host.stop();
    let summary = summary(run.await)?;
    if let Some(live) = live {
        live.end();
    }
    let status = status.unwrap_or(Value::Null);
    let (results, took) = (&summary.counters, started.elapsed());
    let verdict = Verdict { seed, took, status: &status, results, counts: &ledger.open().counts() };
    match format {
        Some(Format::Jsonl) => say(&verdict.text()),
        // That nobody reads it is found out soon enough.
        _ => _ = io::stdout().write_all(verdict.text().as_bytes()),
    }
    match verdict.wrong().len() {
        0 => Ok(()),
        _ => Err(Failure::run("something was lost, or does not add up")),
    }
}

async fn rage(chaos: Option<&Chaos>, host: &Handle, live: Option<&Live>) -> Infallible {
    let Some(Chaos { seed, ledger }) = chaos else { return pending().await };
    if live.is_none() {
        say(&format!("chaos with --seed {seed}\n"));
    }
    chaos::rage(*seed, ledger.clone(), host.clone()).await
}

/// Completes when nothing is under way, with the status that says so; with none, if there is no host any more.
async fn quiet(host: &Handle) -> Option<Value> {
    loop {
        let status = host.status().await?;
        if is_quiet(&status) {
            return Some(status);
        }
        sleep(LOOK).await;
    }
}

/// Completes when the terminal of the view is gone, or to be given back at once.
async fn hung_up(live: Option<&Live>) {
    match live {
        Some(live) => live.watch().await,
        None => pending().await,
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
