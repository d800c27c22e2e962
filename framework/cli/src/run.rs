//! `stook run`.

use stook::config::{AggregateConfig, Config};
use stook::{Host, HostError, told_to_stop};
use stook_plugin::{BuildContext, Linked};
use stook_types::units::ByteSize;

use crate::check::{Room, when_full};
use crate::config::ConfigArg;
use crate::logging::LogArgs;
use crate::output::{Failure, complain};

/// Run a host with this config until it is told to stop (Ctrl-C, or SIGTERM on Unix).
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    log: LogArgs,
}

pub(crate) fn run(args: &Args, linked: Linked) -> Result<(), Failure> {
    args.log.start().map_err(Failure::Usage)?;
    let (config, warnings) = args.config.load(&BuildContext::random(), linked)?;
    complain(&warnings);
    say_limits(&config);
    let host = Host::builder(config).build().map_err(|error| Failure::Other(error.to_string()))?;
    // One thread serves all sessions best: they share one aggregator, and sinks have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Other(format!("failed to start: {error}")))?;
    let summary = runtime.block_on(until_told_to_stop(host)).map_err(|error| match error {
        HostError::Sinks(wrong) => Failure::Config(wrong),
        error => Failure::Other(error.to_string()),
    })?;
    let counters = &summary.counters;
    for (reason, results) in &counters.refused {
        tracing::info!(reason, results, "results were refused");
    }
    for (reason, results) in &counters.discarded {
        tracing::info!(reason, results, "results were discarded");
    }
    tracing::info!(
        received = counters.received,
        delivered = counters.delivered,
        duplicate = counters.duplicate,
        late = counters.late,
        refused = counters.refused.values().sum::<u64>(),
        discarded = counters.discarded.values().sum::<u64>(),
        released = counters.released,
        plugin_panics = counters.plugin_panics,
        connections_refused = summary.connections_refused,
        "stopped"
    );
    Ok(())
}

/// What the host may come to hold, so that a log says it that is read when memory was short.
fn say_limits(config: &Config) {
    let memory = config.host.memory;
    tracing::info!(aggregates = config.aggregates.len(), %memory, "starting");
    for AggregateConfig { spec, .. } in &config.aggregates {
        let (limits, room) = (spec.limits, Room::of(spec, memory));
        tracing::info!(
            aggregate = &*spec.name,
            sets = limits.sets,
            results_per_set = limits.results_per_set,
            bytes_per_set = %ByteSize(limits.bytes_per_set as u64),
            when_full = when_full(limits.when_full),
            small_sets_in_memory = room.small_sets,
            full_sets_in_memory = room.full_sets,
            reached_first = room.first,
            released_sets_beside_memory = %room.tombstones,
            dedup_beside_memory = %room.dedup,
            "limits"
        );
    }
}

async fn until_told_to_stop(host: Host) -> Result<stook::Summary, HostError> {
    let handle = host.handle();
    let told = told_to_stop();
    let mut run = std::pin::pin!(host.run());
    tokio::select! {
        ended = &mut run => return ended,
        () = told => handle.stop(),
    }
    run.await
}
