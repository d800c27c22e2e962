//! A host that is killed while its consumer has a set.

use std::process::{Child, Command, Stdio};

use stook::{Client, Endpoint};
use stook_proto::wire;
use stook_tests::raw::{Raw, hello};
use stook_tests::{soon, until};

use super::{SAFE, TWO, next, on};

/// A host in a process of its own. Killed when dropped.
struct Apart(Child);

impl Apart {
    async fn start(directory: &tempfile::TempDir) -> (Self, Endpoint) {
        let config = directory.path().join("host.toml");
        let text = TWO.replace("@here", &directory.path().display().to_string());
        std::fs::write(&config, text).expect("written");
        let endpoint = Endpoint::in_directory(directory.path().join("host"));
        let mut host = Command::new(env!("CARGO_BIN_EXE_stook-test-host"));
        host.args([config.as_path(), endpoint.directory()]);
        let host = host.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let socket = endpoint.directory().join("socket");
        // That of one which was killed is still there: it is taken away before another one is.
        until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
        (Self(host), endpoint)
    }
}

impl Drop for Apart {
    /// By SIGKILL.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_set_comes_again_from_the_next_host_with_the_same_emission_id() {
    let directory = tempfile::Builder::new().prefix("stook").tempdir().expect("a directory");
    let collector = wire::Hello { topics: vec!["safe.x".into()], ..hello("raw-1", "safe.x") };
    let mut emissions = Vec::new();
    for life in 0..2 {
        let (host, endpoint) = Apart::start(&directory).await;
        // What was not acknowledged is sent again, by the same process as the same result.
        let (mut raw, _) = Raw::join(&endpoint, collector.clone()).await;
        raw.say(on(SAFE, 1..=1)).await;
        let consumer = soon(Client::connect(&endpoint)).await.expect("it listens").consume("detector");
        let mut consumer = soon(consumer).await.unwrap_or_else(|error| panic!("{error}"));
        let set = next(&mut consumer).await;
        emissions.push(set.emission_id().to_owned());
        if life == 0 {
            drop(host);
            let error = soon(consumer.next()).await.expect_err("it was killed");
            assert!(error.is_temporary(), "{error}");
        } else {
            soon(consumer.ack(&set)).await.expect("it runs");
            raw.acknowledged(1).await;
        }
    }
    assert_eq!(emissions[0], emissions[1]);
}
