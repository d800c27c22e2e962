use stook_collector::testing::TestHost;

use super::Probe;

stook_collector::conformance!(Probe);

#[tokio::test(start_paused = true)]
async fn answers() {
    let host = TestHost::start(Probe).await;
    let done = host.task("CRATE.read", ()).await;
    assert_eq!(done.results[0].topic, "events.CRATE");
}
