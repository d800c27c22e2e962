//! What the process-level tests share: a host with its surroundings, a raw client, a sink that obeys the test.
//!
//! Every wait has a deadline ([`soon`]) and an end that is observed; nothing sleeps for a while and hopes.

pub mod bench;
pub mod gate;
pub mod host;
pub mod raw;

use std::future::Future;
use std::time::Duration;

pub use host::TestHost;
pub use raw::Raw;

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The timeout of sets in these tests: what happens at once happens in far less, and no test waits for it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The outcome of something that happens in time.
///
/// # Panics
/// If it does not.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens in time")
}

/// Waits until a condition holds, for what cannot be awaited: the state of the file system or of a process.
///
/// # Panics
/// If it does not come to hold.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
