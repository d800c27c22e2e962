//! A host inside a program of your own: `examples/uptime/stook.toml`, with a callback instead of a sink.

use stook::config::{Config, Source};
use stook::{BuildContext, Host, Registry, link_plugins, told_to_stop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plugins = Registry::linked(link_plugins!(stook_strategies))?; // and every other crate of policies
    let source = Source::toml_file("examples/uptime/stook.toml")?;
    let (config, warnings) = Config::load(&source, &plugins, &BuildContext::default())?;
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
