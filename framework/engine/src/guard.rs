//! Calls into plugins.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a plugin. If it panics there is no answer.
pub(crate) fn guarded<T>(plugin: impl FnOnce() -> T) -> Option<T> {
    told(plugin).ok()
}

/// The same; if it panics, with what it said.
pub(crate) fn told<T>(plugin: impl FnOnce() -> T) -> Result<T, String> {
    let panic = match catch_unwind(AssertUnwindSafe(plugin)) {
        Ok(answer) => return Ok(answer),
        Err(panic) => panic,
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let said = text.map_or_else(|| "it panicked".to_owned(), |text| format!("it panicked: {text}"));
    // What a plugin panics with is a plugin's too, and may panic again when it is dropped.
    if let Err(worse) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(worse);
    }
    Err(said)
}
