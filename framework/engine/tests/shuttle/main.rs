//! The engine under a schedule explorer: results, deadlines, limits, losses and sinks on threads of their own, in every
//! order that shuttle finds. Only with `RUSTFLAGS="--cfg shuttle"`; a schedule that fails is printed, and
//! `shuttle::replay` runs it.
//!
//! One file per idea. A scene is a function that starts threads, joins them and lets [`world::World::check`] see that no
//! result was lost or doubled. `J01` and the like name the cases of a catalogue of races that the scenes cover.

#![cfg(shuttle)]

mod collectors;
mod completion;
mod corrections;
mod dedup;
mod failover;
mod limits;
mod starts;
mod tasks;
mod tombstones;
mod world;

#[path = "../engine/harness.rs"]
#[expect(dead_code, reason = "scenes need the small things only")]
mod harness;
#[path = "../engine/policies.rs"]
#[expect(dead_code, reason = "scenes need a few of them")]
mod policies;

/// Schedules of each scene, by each of two ways to choose them.
const SCHEDULES: usize = 1_000;

fn explore(scene: impl Fn() + Clone + Send + Sync + 'static) {
    shuttle::check_random(scene.clone(), SCHEDULES);
    shuttle::check_pct(scene, SCHEDULES, 3);
}
