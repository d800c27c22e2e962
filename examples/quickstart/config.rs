//! What the host is to do.

use std::path::Path;

use stook::config::{CollectorConfig, Config, Source};
use stook::{Registry, link_plugins};
use stook_plugin::BuildContext;
use stook_types::{CollectorId, nearest};
use uuid::Uuid;

use crate::failure::{Failure, say};

/// Read by people beside this program, built into it for those who run it from elsewhere.
const BUILT_IN: &str = include_str!("stook.toml");
const SHARED: &str = include_str!("shared.toml");

/// What `--collectors` has so many of.
const SHARING: &str = "procmond";

/// How a config calls this program.
const ME: &str = "quickstart";

/// Loads the file, or what is built in: with `procmonds` the one that shares its work among so many. Its warnings go to
/// standard error.
pub(crate) fn load(file: Option<&Path>, procmonds: Option<u8>) -> Result<Config, Failure> {
    let registry = Registry::linked(link_plugins!(stook_strategies)).map_err(Failure::run)?;
    let context = BuildContext::new(Uuid::new_v4().as_u128());
    let source = match (file, procmonds) {
        (Some(file), _) => Source::toml_file(file),
        (None, None) => Source::toml("the built-in stook.toml", BUILT_IN),
        (None, Some(_)) => Source::toml("the built-in shared.toml", SHARED),
    };
    let (mut config, warnings) =
        source.and_then(|source| Config::load(&source, &registry, &context)).map_err(Failure::Config)?;
    say(&warnings.to_string());
    if let Some(procmonds) = procmonds {
        have(&mut config, procmonds);
    }
    run_me_from_here(&mut config)?;
    Ok(config)
}

/// So many procmonds, each like the first.
fn have(config: &mut Config, procmonds: u8) {
    let is_one = |collector: &CollectorConfig| collector.kind.as_deref() == Some(SHARING);
    let Some(first) = config.collectors.iter().find(|collector| is_one(collector)).cloned() else { return };
    config.collectors.retain(|collector| !is_one(collector));
    let id = |number: u8| CollectorId::new(&format!("{SHARING}-{number}")).expect("a valid id");
    config.collectors.extend((1..=procmonds).map(|number| {
        let mut another = first.clone();
        another.id = id(number);
        another
    }));
}

/// The collector of this id, if the host starts it.
pub(crate) fn child(config: &Config, id: &str) -> Result<CollectorId, Failure> {
    let children = || config.collectors.iter().filter(|collector| collector.command.is_some());
    if let Some(found) = children().find(|collector| collector.id.as_str() == id) {
        return Ok(found.id.clone());
    }
    let names: Vec<_> = children().map(|collector| collector.id.as_str()).collect();
    let near = nearest(id, names.iter().copied());
    let hint = near
        .map_or_else(|| format!("there is {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
    Err(Failure::Usage(format!("no collector `{id}` is started here; {hint}")))
}

/// This program need not be on the path of whoever tries it.
fn run_me_from_here(config: &mut Config) -> Result<(), Failure> {
    let path = std::env::current_exe().map_err(Failure::run)?;
    let path = path.to_str().ok_or_else(|| Failure::run("the path of this program is not Unicode"))?;
    let commands = config.collectors.iter_mut().filter_map(|collector| collector.command.as_mut());
    for program in commands.filter_map(|command| command.first_mut()).filter(|program| *program == ME) {
        path.clone_into(program);
    }
    Ok(())
}
