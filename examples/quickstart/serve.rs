//! The host, from start to stop.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stook::config::Config;
use stook::{Event, Handle, Host, told_to_stop};
use stook_types::CollectorId;

use crate::args::{Args, Format};
use crate::config;
use crate::failure::{Failure, say};
use crate::print::Printer;

/// How long collectors may take to leave. They have nothing to save, and Ctrl-C is to be felt at once.
const GRACE: Duration = Duration::from_millis(400);

/// Runs a host of this config until it has printed enough or is told to stop.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let config = config::load(args.config.as_deref())?;
    let victim = args.kill.map(|id| config::child(&config, &id)).transpose()?;
    if args.format == Format::Text && std::io::stderr().is_terminal() {
        say("The first scan hashes every running executable, which may take a moment. Ctrl-C ends it.\n\n");
    }
    let printer = Arc::new(Mutex::new(Printer::new(args.format, args.scans)));
    // One thread serves all sessions best: they share one aggregator, and callbacks have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::run)?;
    runtime.block_on(serve(config, victim, printer.clone()))?;
    let outcome = printer.lock().unwrap_or_else(PoisonError::into_inner).outcome();
    outcome.map_err(|error| Failure::Run(format!("failed to write to standard output: {error}")))
}

async fn serve(
    config: Config,
    victim: Option<CollectorId>,
    printer: Arc<Mutex<Printer>>,
) -> Result<(), Failure> {
    let aggregates: Vec<_> = config.aggregates.iter().map(|aggregate| aggregate.spec.name.clone()).collect();
    let mut builder = Host::builder(config).grace(GRACE);
    let handle = builder.handle();
    for aggregate in aggregates {
        let (printer, handle) = (printer.clone(), handle.clone());
        builder = builder.on_complete(&*aggregate, move |result| {
            let ended = printer.lock().unwrap_or_else(PoisonError::into_inner).print(result);
            if ended {
                handle.stop();
            }
        });
    }
    if let Some(victim) = victim {
        builder = builder.on_event(kill_at_second_task(victim, handle.clone()));
    }
    let host = builder.build().map_err(Failure::run)?;

    let mut run = tokio::spawn(host.run());
    let ended = tokio::select! {
        ended = &mut run => ended,
        () = told_to_stop() => {
            handle.stop();
            run.await
        }
    };
    match ended {
        Ok(ended) => ended.map(drop).map_err(Failure::run),
        Err(_) => Err(Failure::run("the host panicked")),
    }
}

/// Kills the collector when a task is assigned to it for the second time: it has the task and has not answered.
fn kill_at_second_task(victim: CollectorId, host: Handle) -> impl FnMut(&Event) + Send {
    let mut assigned = 0;
    move |event| match event {
        Event::TaskAssigned { collector, .. } if *collector == victim => {
            assigned += 1;
            if assigned == 2 {
                host.kill(&victim);
            }
        }
        _ => {}
    }
}
