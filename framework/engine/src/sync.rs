//! Locks, atomics and the shared map. With `--cfg shuttle` they are those of which shuttle explores the schedules, in
//! `tests/shuttle/`; the engine is the same.

#[cfg(not(shuttle))]
pub(crate) use dashmap::{DashMap, Entry};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(shuttle)]
pub(crate) use shuttle_dashmap::{DashMap, Entry};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
