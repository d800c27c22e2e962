//! Being told to stop.

use std::future::Future;

/// Completes when a person or the system tells this process to stop: Ctrl-C, and on Unix SIGTERM. For the `main` of
/// an embedding program, which then calls [`Handle::stop`](crate::Handle::stop); a host listens to no signal by
/// itself.
///
/// On Unix the signals are listened to from this call on, and no longer end the process. Where that fails they do
/// what they do by default, and this never completes.
///
/// # Panics
/// Outside of a tokio runtime with I/O enabled.
#[cfg(unix)]
pub fn told_to_stop() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        let Ok((mut interrupt, mut terminate)) = interrupt.and_then(|first| Ok((first, terminate?))) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Completes when somebody presses Ctrl-C. For the `main` of an embedding program, which then calls
/// [`Handle::stop`](crate::Handle::stop); a host listens to no signal by itself.
#[cfg(not(unix))]
pub fn told_to_stop() -> impl Future<Output = ()> + Send {
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
