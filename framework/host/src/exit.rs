//! The exit codes of `stook`, for programs that start it (and those that embed it and want to agree).
//!
//! From 64 on they are those of BSD's `sysexits.h`.

use std::error::Error;

use crate::HostError;
use crate::config::Diagnostics;

/// Done, as asked.
pub const OK: u8 = 0;
/// Something failed while it ran.
pub const FAILURE: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 64;
/// The host cannot be reached.
pub const UNAVAILABLE: u8 = 69;
/// The other side speaks something else.
pub const PROTOCOL: u8 = 76;
/// The config is wrong.
pub const CONFIG: u8 = 78;

/// The code for an error that ends a program: [`CONFIG`] if it says what is wrong with a config, else [`FAILURE`].
pub fn of(error: &(dyn Error + 'static)) -> u8 {
    let of_sinks = matches!(error.downcast_ref(), Some(HostError::Sinks(_)));
    if of_sinks || error.is::<Diagnostics>() { CONFIG } else { FAILURE }
}
