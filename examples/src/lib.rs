//! What the quickstart is made of: three gatherers of this machine and what is done with their answers.
//!
//! * [`gather`]: processes, hashes of their executables, their sockets. One module per collector.
//! * [`detect`]: looks for what is odd in the joined answers.
//! * [`tally`], [`report`]: counts them and shows a scan to a person. [`text`]: what a name may not do to a terminal.
//!
//! All of it is plain and synchronous and knows neither the SDK nor the host: a [`stook_types::Value`] is the
//! only word they share. The programs stand beside it: `quickstart/` puts it to work, `uptime/` is the smallest
//! useful collector.

pub mod detect;
pub mod gather;
pub mod report;
pub mod tally;
pub mod text;
