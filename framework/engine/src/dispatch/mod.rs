//! The way of a task: submitted, queued, leased to a session, moved to another one when that is lost, ended.
//!
//! | step | module |
//! | --- | --- |
//! | what is to be done, and what comes of it | `task`, `turn` |
//! | who is asked; the sets learn whom to expect | `submit` |
//! | waiting, by priority and age, each until its deadline | `queue` |
//! | who gets it | `assign`, [`crate::balance`] |
//! | how it ended, or that it did not | `end` |
//! | its collector is lost: fenced, judged, moved on | `moving`, [`crate::failover`] |
//!
//! [`TaskRouter`] owns all of it; nothing is shared, so nothing is locked.

mod assign;
mod end;
mod moving;
mod queue;
mod router;
mod status;
mod submit;
mod task;
mod turn;

pub use end::TaskEnding;
pub use moving::Loss;
pub use router::{Arrival, TaskLimits, TaskRouter};
pub use status::{LeaseStatus, QueueStatus, RouterStatus, SeatStatus, TaskCounters};
pub use submit::{Placed, SubmitError};
pub use task::{LeaseId, Task};
pub use turn::{Act, TaskEvent, Turn};
