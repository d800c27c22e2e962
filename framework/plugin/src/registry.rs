//! The plugins of this process: found once, sorted, immutable.

use std::collections::BTreeSet;

use crate::{Factory, PluginKind, PluginType, Registration};

/// Every plugin that this process can select, sorted by kind and name.
#[derive(Clone, Debug)]
pub struct Registry {
    plugins: Vec<Registration>,
    crates: Vec<&'static str>,
}

/// Gathers plugins by hand, for tests and static embedding.
#[derive(Clone, Debug, Default)]
pub struct RegistryBuilder {
    plugins: Vec<Registration>,
}

/// The crates that a host links for their plugins: what [`link_plugins!`](crate::link_plugins) gives.
#[derive(Clone, Copy, Debug)]
pub struct Linked(#[doc(hidden)] pub &'static [&'static str]);

/// Why there is no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two plugins of one kind with one name.
    #[error(
        "two {kind} plugins are named `{name}`: one of crate `{first}`, one of crate `{second}`; a host can link only one of them"
    )]
    Collision {
        /// Their kind.
        kind: PluginKind,
        /// Their name.
        name: &'static str,
        /// One crate.
        first: &'static str,
        /// The other; the same if a crate registers twice.
        second: &'static str,
    },
    /// A crate that was linked for its plugins has none.
    #[error(
        "crate `{0}` is linked for its plugins but registers none; does it say `stook_plugin::register!(…)`, and are its features on?"
    )]
    NothingRegistered(&'static str),
    /// A name that config could not have.
    #[error(
        "the {kind} plugin `{name}` of crate `{krate}` has no valid name: write kebab-case, outside stook's own crates with a `vendor/` prefix"
    )]
    BadName {
        /// Its kind.
        kind: PluginKind,
        /// Its name.
        name: &'static str,
        /// Its crate.
        krate: &'static str,
    },
}

/// No plugin of this kind has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no {kind} plugin is named `{name}`; {}{}",
    .near.map_or_else(String::new, |near| format!("did you mean `{near}`? ")),
    self.there_are(),
)]
#[non_exhaustive]
pub struct UnknownPlugin {
    /// The kind that was looked for.
    pub kind: PluginKind,
    /// The name that was looked for.
    pub name: String,
    /// The name that was probably meant.
    pub near: Option<&'static str>,
    /// The names that exist.
    pub names: Vec<&'static str>,
    /// The crates whose plugins are known.
    pub crates: Vec<&'static str>,
}

/// Names the crates whose plugins a host wants, so that the linker keeps them: use with [`Registry::linked`].
#[macro_export]
macro_rules! link_plugins {
    ($($krate:ident),+ $(,)?) => {{
        $(use $krate as _;)+
        $crate::Linked(&[$(stringify!($krate)),+])
    }};
}

// === impl UnknownPlugin ===

impl UnknownPlugin {
    /// What could be named instead, and where it comes from.
    pub fn there_are(&self) -> String {
        let list = |names: &[&str], none: &str| {
            if names.is_empty() { none.to_owned() } else { names.join(", ") }
        };
        let third = if self.near.is_none() && self.name.contains('/') {
            "; a plugin of a third party is known only to a host that names its crate in `link_plugins!`"
        } else {
            ""
        };
        format!("there is: {} (linked: {}){third}", list(&self.names, "none"), list(&self.crates, "no crate"))
    }
}

// === impl Registry ===

impl Registry {
    /// Every plugin of the crates that this process links: those that are named, and any other crate of plugins that
    /// the linker has kept because the program uses something of it. A crate that is named is kept in any case.
    ///
    /// # Errors
    /// If two plugins collide, a name is invalid or lacks the prefix of a third party, or a linked crate registered
    /// nothing.
    pub fn linked(crates: Linked) -> Result<Self, RegistryError> {
        let builder =
            RegistryBuilder { plugins: inventory::iter::<Registration>.into_iter().copied().collect() };
        let registry = builder.build()?;
        if let Some(bare) = registry.plugins.iter().find(|plugin| !is_valid_name(plugin.name, plugin.krate)) {
            return Err(RegistryError::bad_name(bare));
        }
        let silent = crates.0.iter().find(|krate| !registry.crates.contains(krate));
        match silent {
            Some(krate) => Err(RegistryError::NothingRegistered(krate)),
            None => Ok(registry),
        }
    }

    /// A registry of plugins named one by one.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// Every plugin, sorted by kind and name.
    pub fn plugins(&self) -> &[Registration] {
        &self.plugins
    }

    /// The crates that they come from, sorted.
    pub fn crates(&self) -> &[&'static str] {
        &self.crates
    }

    /// The plugin of this contract and name.
    ///
    /// # Errors
    /// If there is none; the error names what there is.
    pub fn find<T: PluginType + ?Sized>(&self, name: &str) -> Result<&Registration, UnknownPlugin> {
        self.of_kind(T::KIND).find(|plugin| plugin.name == name).ok_or_else(|| {
            let names: Vec<_> = self.of_kind(T::KIND).map(|plugin| plugin.name).collect();
            let (kind, near, crates) = (T::KIND, near(name, &names), self.crates.clone());
            UnknownPlugin { kind, name: name.to_owned(), near, names, crates }
        })
    }

    /// What makes the plugin of this contract and name.
    ///
    /// # Errors
    /// If there is none; the error names what there is.
    pub fn factory<T: PluginType + ?Sized>(&self, name: &str) -> Result<Factory<T>, UnknownPlugin> {
        let plugin = self.find::<T>(name)?;
        Ok(T::factory(plugin).expect("the registration's kind is that of its factory"))
    }

    fn of_kind(&self, kind: PluginKind) -> impl Iterator<Item = &Registration> {
        self.plugins.iter().filter(move |plugin| plugin.kind == kind)
    }
}

// === impl RegistryError ===

impl RegistryError {
    const fn bad_name(plugin: &Registration) -> Self {
        Self::BadName { kind: plugin.kind, name: plugin.name, krate: plugin.krate }
    }
}

// === impl RegistryBuilder ===

impl RegistryBuilder {
    /// Adds a plugin: `.with(Registration::merge::<MyStrategy>("my-crate"))`.
    #[must_use]
    pub fn with(mut self, plugin: Registration) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// The registry of what was added.
    ///
    /// # Errors
    /// If two plugins collide or a name is invalid.
    pub fn build(mut self) -> Result<Registry, RegistryError> {
        self.plugins.sort_by_key(|plugin| (plugin.kind, plugin.name, plugin.krate));
        for plugin in &self.plugins {
            if !is_name(plugin.name) {
                return Err(RegistryError::bad_name(plugin));
            }
        }
        for pair in self.plugins.windows(2) {
            let [first, second] = pair else { continue };
            if (first.kind, first.name) == (second.kind, second.name) {
                let (kind, name) = (first.kind, first.name);
                return Err(RegistryError::Collision {
                    kind,
                    name,
                    first: first.krate,
                    second: second.krate,
                });
            }
        }
        let crates: BTreeSet<_> = self.plugins.iter().map(|plugin| plugin.krate).collect();
        Ok(Registry { plugins: self.plugins, crates: crates.into_iter().collect() })
    }
}

/// The name that was probably meant: the same with the prefix that was left out, else the one with the fewest slips.
#[doc(hidden)]
pub fn near(name: &str, names: &[&'static str]) -> Option<&'static str> {
    let is_it = |full: &&&str| full.split_once('/').is_some_and(|(_, bare)| bare == name);
    names.iter().find(is_it).copied().or_else(|| {
        let near = stook_types::nearest(name, names.iter().copied())?;
        names.iter().find(|name| **name == near).copied()
    })
}

/// Names without a prefix are stook's own: a later version may use any of them, and the words that say why a set
/// is partial (`timeout`) are such names too.
pub(crate) fn is_valid_name(name: &str, krate: &str) -> bool {
    is_name(name) && (krate.starts_with("stook") || name.contains('/'))
}

fn is_name(name: &str) -> bool {
    name.split('/').all(is_kebab) && name.split('/').count() <= 2
}

fn is_kebab(name: &str) -> bool {
    name.split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}
