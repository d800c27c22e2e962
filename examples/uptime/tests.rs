use stook_collector::testing::TestHost;

use super::Uptime;

stook_collector::conformance!(Uptime);

#[tokio::test(start_paused = true)]
async fn says_how_long() {
    let host = TestHost::start(Uptime).await;
    let done = host.task("uptime.read", ()).await;
    assert_eq!(done.results[0].topic, "events.host.uptime");
}
