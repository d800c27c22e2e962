//! Being asked to stop.

/// Waits until somebody asks this process to stop: SIGTERM, or Ctrl-C if nobody supervises it.
///
/// Ctrl-C goes to every process of the terminal. A supervised collector takes it and does nothing: its host has
/// had it too, and drains it in order.
pub(crate) async fn asked_to_stop(supervised: bool) {
    let ctrl_c = async {
        loop {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            if !supervised {
                return;
            }
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(error) => {
            tracing::warn!(%error, "failed to listen for SIGTERM");
            std::future::pending().await
        }
    }
}

/// The system ends processes without asking; a closed console is what comes closest.
#[cfg(windows)]
async fn terminated() {
    match tokio::signal::windows::ctrl_close() {
        Ok(mut close) => {
            close.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
