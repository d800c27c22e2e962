//! The three gatherers. Each returns one typed row per process, and a row converts into a
//! [`Value`](stook_types::Value): an object with a `pid`, so that the answers of all three can be joined on it.
//!
//! | field | from | type |
//! | --- | --- | --- |
//! | `pid` | all | int |
//! | `parent` | [`processes`] | int or null |
//! | `name` | [`processes`] | string |
//! | `exe` | [`processes`] | string or null |
//! | `exe_deleted` | [`processes`] | bool |
//! | `user` | [`processes`] | string or null |
//! | `started` | [`processes`] | int (seconds since the Unix epoch) or null |
//! | `sha256` | [`integrity`] | string (lower-case hexadecimal) or null |
//! | `integrity` | [`integrity`] | `ok`, `not-readable`, `gone` or `no-executable` |
//! | `integrity_error` | [`integrity`] | string or null |
//! | `sockets` | [`sockets`] | array of `{protocol, local, remote, state}` |
//!
//! # What each platform lacks
//!
//! | | Linux | Windows | macOS | FreeBSD |
//! | --- | --- | --- | --- | --- |
//! | processes | all; `name` is cut at 15 bytes | `exe`, `user` and `started` are null for protected processes | `exe` is null for some of other users | all |
//! | deleted executable | told by the kernel, hashed all the same | cannot happen while it runs | told by the missing path, not hashed | told by the missing path, not hashed |
//! | cached by file id | yes | no: path, size, times | yes | yes |
//! | sockets | own network namespace | no remote address | no remote address | no remote address; needs the C compiler of the base system to build |
//! | a socket shared by processes | under each | one owner | under each | one owner |
//!
//! On every platform a process without privileges sees less: foreign executables are `not-readable` (Linux) or
//! `no-executable` (elsewhere, where a hidden path cannot be told from none), and foreign sockets have no known
//! owner, so they are left out.

pub mod integrity;
pub mod processes;
pub mod sockets;

#[cfg(test)]
pub(crate) mod testing;
