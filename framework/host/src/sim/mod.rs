//! The host against collectors that fail, in virtual time: the real control, sessions, delivery and engine, over pipes
//! in memory, in one thread, with a clock that is paused. What happens follows from a seed.
//!
//! | what | module |
//! | --- | --- |
//! | a host and its collectors | `world` |
//! | a collector, on the protocol's own end of a session, and what it can be told to do | `collector`, `script` |
//! | what must hold after everything | `invariants` |
//! | faults by their rows in the list | `rows` |
//! | what two say at the same moment | `crossings` |
//! | faults at random, thousands of times | `schedules` |

mod collector;
mod crossings;
mod invariants;
mod log;
mod pipe;
mod plugins;
mod rows;
mod schedules;
mod script;
mod world;

/// Runs in virtual time, and nothing else beside it.
fn simulate(run: impl Future<Output = ()>) {
    invariants::count_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(run);
}
