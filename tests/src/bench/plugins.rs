//! The shipped plugins, as a host makes them.

use stook::{BuildContext, Registry, link_plugins};
use stook_plugin::{BuildError, OptionsDeserializer, PluginType};

/// The plugin of this name, with these options in JSON.
///
/// # Panics
/// If there is none of that name.
pub(super) fn made<T: PluginType + ?Sized>(name: &str, options: &str) -> Result<Box<T>, BuildError> {
    let registry = Registry::linked(link_plugins!(stook_strategies)).expect("no collision");
    let factory = registry.factory::<T>(name).expect("it is linked");
    let mut options = serde_json::Deserializer::from_str(options);
    factory(&mut <dyn OptionsDeserializer<'_>>::erase(&mut options), &BuildContext::new(7))
}
