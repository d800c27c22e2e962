//! A host in a process of its own: `stook-test-host CONFIG DIRECTORY`, until its standard input closes.

use std::io::Read;
use std::process::ExitCode;

use stook::config::{Config, Source};
use stook::{Endpoint, Host, Registry, link_plugins};
use stook_plugin::BuildContext;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let [_, config, directory] = std::env::args().collect::<Vec<_>>().try_into().expect("two arguments");
    let source = Source::toml_file(&config).expect("a config");
    let registry = Registry::linked(link_plugins!(stook_strategies)).expect("no collision");
    let (config, _) = Config::load(&source, &registry, &BuildContext::new(7)).expect("a good config");
    let host = Host::builder(config)
        .endpoint(Endpoint::in_directory(directory))
        .on_event(|event| eprintln!("{event:?}"))
        .build()
        .expect("no callbacks");
    let handle = host.handle();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        handle.stop();
    });
    match host.run().await {
        Ok(summary) => {
            eprintln!("{summary:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
