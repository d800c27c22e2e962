//! When a silent collector is given up.

#[cfg(feature = "detection-deadline")]
mod deadline;
#[cfg(feature = "detection-phi-accrual")]
mod phi_accrual;

#[cfg(feature = "detection-deadline")]
pub use deadline::{Deadline, DeadlineOptions};
#[cfg(feature = "detection-phi-accrual")]
pub use phi_accrual::{PhiAccrual, PhiAccrualOptions};

#[cfg(any(feature = "detection-deadline", feature = "detection-phi-accrual"))]
fn no_interval() -> stook_plugin::BuildError {
    let message =
        "collectors need an interval for their heartbeats; write a duration above zero, like \"2s\"";
    stook_plugin::BuildError::in_option("heartbeat", message)
}
