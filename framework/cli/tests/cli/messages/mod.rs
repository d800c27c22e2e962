//! Pages of what an integrator reads when something is wrong, in files beside this one: to be read.

mod check;
mod config;
#[cfg(unix)]
mod log;
#[cfg(unix)]
mod scenarios;
// Paths and what the system says are those of Unix in them.
#[cfg(unix)]
mod verbs;
