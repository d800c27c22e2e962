//! `network.connections`: TCP and UDP sockets with the processes that own them.

use stook_collector::{Collector, Description, Recorder, Task, TaskError};
use stook_examples::gather::sockets;

use super::answer;

const TOPIC: &str = "events.network.connections";

pub(super) struct Netmond;

impl Collector for Netmond {
    fn describe(&self) -> Description {
        Description::of_kind("netmond").capability("network.connections", 1, [TOPIC])
    }

    async fn task(&self, _: Task, results: &Recorder) -> Result<(), TaskError> {
        answer(results, TOPIC, sockets::scan).await
    }
}
