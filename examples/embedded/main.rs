//! A host inside a program of your own: `examples/uptime/stook.toml`, with a callback beside its sink.

use std::error::Error;
use std::process::ExitCode;

use stook::config::{Config, Source};
use stook::{BuildContext, Host, Registry, exit, link_plugins, told_to_stop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init(); // a host is mute without a subscriber
    match run().await {
        Ok(()) => exit::OK.into(),
        Err(error) => {
            eprintln!("{error}");
            exit::of(&*error).into()
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let plugins = Registry::linked(link_plugins!(stook_strategies))?; // and every other crate of policies
    let source = Source::toml_file("examples/uptime/stook.toml")?;
    let (config, warnings) = Config::load(&source, &plugins, &BuildContext::random())?;
    eprint!("{warnings}");

    let host = Host::builder(config)
        .on_complete("uptime", |result| println!("{}: {:?}", result.outcome, result.value))
        .build()?;
    let handle = host.handle();
    tokio::spawn(async move {
        told_to_stop().await;
        handle.stop();
    });
    println!("{:?}", host.run().await?.counters);
    Ok(())
}
