//! Collectors as processes: how they answer, fail, die and leave.

use stook_tests::TestHost;
use stook_types::Outcome;

const COLLECTOR: &str = env!("CARGO_BIN_EXE_stook-test-collector");

#[tokio::test]
async fn three_collectors_answer_into_one_set() {
    let config = r#"
        [aggregate.scan]
        topics = ["t.#"]
        complete = { use = "expected" }
        timeout = "60s"
        merge = { use = "by-collector" }
        [collector.one]
        command = ["@collector", "can=list", "topic=t.list"]
        publish = ["t.list"]
        [collector.two]
        command = ["@collector", "can=hash", "topic=t.hash", "n=2"]
        publish = ["t.hash"]
        [collector.three]
        command = ["@collector", "can=sockets", "topic=t.sockets"]
        publish = ["t.sockets"]
        [task.scan]
        every = "50ms"
        capabilities = ["list", "hash", "sockets"]
        into = ["scan"]
    "#;
    let mut host = TestHost::builder(config, COLLECTOR).start().await;
    for _ in 0..3 {
        let set = host.result().await;
        assert_eq!((set.outcome, set.reason.as_str(), set.results), (Outcome::Complete, "expected", 4));
        let who: Vec<_> = set.contributors.iter().map(|who| (who.collector.as_str(), who.results)).collect();
        assert_eq!(who.len(), 3, "{who:?}");
        assert!(who.contains(&("two", 2)), "{who:?}");
        assert!(set.missing.is_empty() && set.conflicts.is_empty());
    }
    host.stop().await;
}
