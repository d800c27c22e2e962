//! Calls into plugins.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a plugin. If it panics there is no answer.
pub(crate) fn guarded<T>(plugin: impl FnOnce() -> T) -> Option<T> {
    let panic = match catch_unwind(AssertUnwindSafe(plugin)) {
        Ok(answer) => return Some(answer),
        Err(panic) => panic,
    };
    // What a plugin panics with is a plugin's too, and may panic again when it is dropped.
    if let Err(worse) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(worse);
    }
    None
}
