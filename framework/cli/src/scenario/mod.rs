//! Scenarios: what a config does with a course of events, written down and checked.
//!
//! A scenario names a config, says what happens when (results, deaths, time), and lists everything that must come
//! out. It runs against the real config loader and the real engine, in virtual time: nothing sleeps, and a timeout
//! of an hour fires at its exact instant.
//!
//! ```
//! use stook::{Registry, link_plugins};
//! use stook_cli::scenario::File;
//!
//! let file = File::parse("scan.toml", r#"
//! [[scenario]]
//! name   = "two results make a set"
//! config = '''
//! [aggregate.a]
//! topics = ["t.#"]
//! complete = { use = "count", count = 2 }
//! timeout = "10s"
//! '''
//! steps = [
//!   { at = "0ms", from = "p1", topic = "t.x", id = "1", value = { n = 1 } },
//!   { at = "5ms", from = "p2", topic = "t.x", id = "1", value = { n = 2 } },
//! ]
//! expect = [{ at = "5ms", reason = "count", value = [{ n = 1 }, { n = 2 }] }]
//! "#)?;
//! let report = file.scenarios[0].run(&Registry::linked(link_plugins!(stook_strategies))?);
//! assert!(report.passed(), "{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | step | module |
//! | --- | --- |
//! | text → scenarios, or everything that is wrong with it | `markdown`, `parse`, `toml`, `mistakes` |
//! | what scenarios name, and whether the config has it | `names` |
//! | events → engine | `world`, `peers` |
//! | engine → emissions, when the sink takes them | `sink` |
//! | what came out against what should have | `pattern`, `compare` |
//! | the outcome for people and programs | `report` |

mod compare;
mod json;
mod markdown;
mod mistakes;
mod model;
mod names;
mod parse;
mod pattern;
mod peers;
mod report;
mod run;
mod sink;
mod toml;
mod world;

pub use mistakes::Mistakes;
pub use model::{File, Scenario};
pub use report::{Report, Summary};
