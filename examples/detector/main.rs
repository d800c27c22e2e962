//! A detector that is a process of its own: it takes each scan that a host releases, prints what is odd in it, and
//! acknowledges it after that. So it loses none, however it ends, and may print one again.

use std::process::ExitCode;
use std::time::Duration;

use stook::{Client, ClientError, Endpoint, Set, exit, told_to_stop};
use stook_examples::detect::detect;

/// The sink that the config of the host keeps for it.
const SINK: &str = "detector";
/// Without a host it tries again, ever more seldom.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = tokio::select! {
        ended = run() => ended,
        () = told_to_stop() => return exit::OK.into(),
    };
    let Err(error) = ended;
    eprintln!("detector: {error}");
    exit::FAILURE.into()
}

/// Goes on from host to host.
async fn run() -> Result<std::convert::Infallible, ClientError> {
    let host = Endpoint::from_env("detector")?;
    let mut pause = PAUSES.0;
    loop {
        match consume(&host, &mut pause).await {
            Err(error) if !error.is_temporary() => return Err(error),
            Err(error) => eprintln!("detector: {error}"),
            Ok(()) => eprintln!("detector: the host stops"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Takes what one host releases, until it stops.
async fn consume(host: &Endpoint, pause: &mut Duration) -> Result<(), ClientError> {
    let mut scans = Client::connect(host).await?.consume(SINK).await?;
    *pause = PAUSES.0;
    while let Some(scan) = scans.next().await? {
        print(&scan);
        scans.ack(&scan).await?; // not before it is printed: it will not come again
    }
    Ok(())
}

fn print(scan: &Set) {
    let findings = detect(scan.value());
    println!("scan {} is {}: {} odd", scan.emission_id(), scan.reason(), findings.len());
    for finding in findings {
        println!("  {}: {}", finding.rule, finding.text.escape_debug());
    }
}
