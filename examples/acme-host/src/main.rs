//! A host that has the policies of `acme-policy` beside stook's own: `acme-host CONFIG`.

use stook::config::{Config, Source};
use stook::{BuildContext, Host, Registry, link_plugins, told_to_stop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = std::env::args().nth(1).ok_or("usage: acme-host CONFIG")?;
    let plugins = Registry::linked(link_plugins!(stook_strategies, acme_policy))?;
    let (config, warnings) = Config::load(&Source::toml_file(config)?, &plugins, &BuildContext::default())?;
    eprint!("{warnings}");

    let host = Host::builder(config).build()?;
    let handle = host.handle();
    tokio::spawn(async move {
        told_to_stop().await;
        handle.stop();
    });
    host.run().await?;
    Ok(())
}
