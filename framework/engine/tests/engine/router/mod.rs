//! Tasks: who gets them, who has them, how they end, and what becomes of them and their sets when a collector fails.

mod ends;
mod fan_out;
mod held_back;
mod moving;
mod poison;
mod queue;
mod random;
mod rig;
mod scenes;

use stook_engine::AggregateSpec;
use stook_plugin::Unexpected;

use crate::harness::spec;
use crate::policies::{announced, expected_or};
use rig::Rig;

/// One aggregate that waits for everybody.
fn rig() -> Rig {
    Rig::new(vec![waits_for_all()])
}

fn waits_for_all() -> AggregateSpec {
    AggregateSpec { completion: vec![announced()], timeout: std::time::Duration::from_secs(100), ..spec() }
}

/// As [`waits_for_all`]; takes results only of those it waits for.
fn takes_only_expected() -> AggregateSpec {
    AggregateSpec { completion: vec![expected_or(&[], Unexpected::Refuse)], ..waits_for_all() }
}
