//! The aggregation engine from outside, in virtual time: what a host may rely on, whichever strategies are linked.

mod accounting;
mod boundaries;
mod bounds;
mod corrections;
mod duplicates;
mod harness;
mod interleavings;
mod keys;
mod lasts;
mod members;
mod model;
mod plugins;
mod policies;
mod property;
mod refresh;
mod releases;
mod repeats;
mod router;
mod sketch;
mod threads;
mod unlocked;
mod values;
