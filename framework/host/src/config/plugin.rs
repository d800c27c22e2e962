//! Tables that select a plugin: `{ use = "name", option = … }`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stook_plugin::{BuildContext, BuildError, Factory, OptionsDeserializer, PluginType, Registration, Sink};
use stook_types::nearest;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::{Entry, Kind, Node, Place};
use super::read::{FailedAt, Reader, wanted};
use super::source::Written;
use super::table::{Cx, did_you_mean};
use super::takes;

/// A plugin that was selected and whose options were checked against its declaration.
pub(super) struct Selected<T: ?Sized> {
    pub(super) registration: Registration,
    options: Node,
    factory: Factory<T>,
}

/// Makes and opens a sink when the host starts; until then nothing is opened or written.
#[derive(Clone, Debug)]
pub struct SinkFactory {
    plugin: &'static str,
    factory: Factory<dyn Sink>,
    options: Node,
    context: BuildContext,
    written: Written,
}

/// The plugin that the table in `node` selects; notes every way in which its options are not what it declares.
pub(super) fn select<T: PluginType + ?Sized>(cx: &Cx<'_>, place: &Place, node: &Node) -> Option<Selected<T>> {
    let example =
        "write { use = \"NAME\" }, with its options beside `use`; `stook plugins list` shows the names";
    let Some(entries) = node.entries() else {
        cx.error(&node.place, wanted("a table", node.kind.unexpected()), example);
        return None;
    };
    let Some(name_node) = node.get("use") else {
        cx.error(place, format!("`use` is missing: which {} plugin?", T::KIND), example);
        return None;
    };
    let name: String = cx.read("use", name_node)?;
    let registration = match cx.registry.find::<T>(&name) {
        Ok(registration) => *registration,
        Err(unknown) => {
            let message = format!("no {} plugin is named `{name}`", unknown.kind);
            cx.error(&name_node.place, message, did_you_mean(unknown.near, &unknown.there_are()));
            return None;
        }
    };
    let factory = T::factory(&registration)?;
    let given: Vec<_> = entries.iter().filter(|entry| entry.key != "use").cloned().collect();
    let sound = check_options(cx, &registration, &name_node.place, &given);
    let options = Node { kind: Kind::Table(given), place: name_node.place.clone() };
    sound.then_some(Selected { registration, options, factory })
}

/// Whether every option is known, given if it must be, and of the type that was declared.
fn check_options(cx: &Cx<'_>, plugin: &Registration, place: &Place, given: &[Entry]) -> bool {
    let mut wrong = Vec::new();
    for entry in given {
        match plugin.options.iter().find(|spec| spec.name == entry.key) {
            None => wrong.push(unknown_option(plugin, entry)),
            Some(spec) => takes::check(spec.name, &spec.takes, &entry.node, &mut wrong),
        }
    }
    for spec in plugin.options {
        let is_given = |entry: &Entry| entry.key == spec.name || meant(plugin, entry) == Some(spec.name);
        if spec.default.is_none() && !given.iter().any(is_given) {
            let message = format!("`{}` needs the option `{}`", plugin.name, spec.name);
            let help = format!("it takes {}: {}", spec.takes, spec.summary());
            wrong.push(Diagnostic::error(place, message).help(help));
        }
    }
    let sound = wrong.is_empty();
    wrong.into_iter().for_each(|diagnostic| cx.push(diagnostic));
    sound
}

/// The option that was probably meant by a key. That one is given, if by another name, and not missing beside.
fn meant(plugin: &Registration, entry: &Entry) -> Option<&'static str> {
    nearest(&entry.key, plugin.options.iter().map(|spec| spec.name))
}

fn unknown_option(plugin: &Registration, entry: &Entry) -> Diagnostic {
    let names: Vec<_> = plugin.options.iter().map(|spec| spec.name).collect();
    let options = if names.is_empty() {
        format!("`{}` has no options", plugin.name)
    } else {
        format!("`{}` has {}", plugin.name, names.join(", "))
    };
    Diagnostic::error(&entry.place, format!("unknown option `{}`", entry.key))
        .help(did_you_mean(meant(plugin, entry), &options))
}

impl<T: PluginType + ?Sized> Selected<T> {
    pub(super) const fn name(&self) -> &'static str {
        self.registration.name
    }

    /// Makes the plugin; if it refuses its options, says so at the option.
    pub(super) fn build(&self, cx: &Cx<'_>) -> Option<Box<T>> {
        let failed_at = FailedAt::default();
        let made = build(self.factory, &self.options, cx.build, &failed_at);
        let refused = |error| refused(self.name(), &self.options, error, &failed_at, cx.written);
        made.map_err(|error| cx.push(refused(error))).ok()
    }
}

/// Why a plugin could not be made, at the option that is at fault.
fn refused(
    plugin: &str,
    options: &Node,
    error: BuildError,
    failed_at: &FailedAt,
    written: &Written,
) -> Diagnostic {
    let option = error.option.and_then(|option| options.get(option));
    let (place, at) = match (option, error.at) {
        (Some(node), Some(bytes)) => match node.place_in(written.text.as_deref(), &bytes) {
            Some(place) => (Some(place), String::new()),
            None => (Some(node.place.clone()), character(node, bytes.start)),
        },
        (option, _) => (option.map(|node| node.place.clone()), String::new()),
    };
    let place = place.or_else(|| failed_at.take()).unwrap_or_else(|| options.place.clone());
    let key = error.option.map(str::to_owned).or_else(|| options.key_at(&place));
    let why = format!("{}{at}", error.message);
    match key {
        Some(key) => takes::bad(&key, &place, why),
        None => Diagnostic::error(&place, format!("`{plugin}`: {why}")),
    }
}

/// Which character of a text a byte of it is, in words. Nothing for the first: that may mean all of it.
fn character(node: &Node, byte: usize) -> String {
    let before = node.as_text().and_then(|text| text.get(..byte)).unwrap_or_default();
    if before.is_empty() {
        String::new()
    } else {
        format!(" (at its character {})", before.chars().count() + 1)
    }
}

impl Selected<dyn Sink> {
    /// What makes the sink later.
    pub(super) fn into_factory(self, cx: &Cx<'_>) -> SinkFactory {
        let Self { registration, options, factory } = self;
        SinkFactory {
            plugin: registration.name,
            factory,
            options,
            context: cx.build.clone(),
            written: cx.written.clone(),
        }
    }
}

impl SinkFactory {
    /// Makes the sink and opens it.
    ///
    /// # Errors
    /// If the plugin refuses options of which each is of the declared type, or cannot write where they say; says where they
    /// stand.
    pub fn open(&self) -> Result<Box<dyn Sink>, Diagnostics> {
        let failed_at = FailedAt::default();
        let made = build(self.factory, &self.options, &self.context, &failed_at);
        made.and_then(opened).map_err(|error| {
            let why = refused(self.plugin, &self.options, error, &failed_at, &self.written);
            self.written.diagnostics(vec![why])
        })
    }
}

fn opened(mut sink: Box<dyn Sink>) -> Result<Box<dyn Sink>, BuildError> {
    catch_unwind(AssertUnwindSafe(|| sink.open()))
        .unwrap_or_else(|_| Err(BuildError::new("the plugin panicked when it was opened")))?;
    Ok(sink)
}

/// A panic of somebody's constructor is an error like another, with a place in the config.
fn build<T: ?Sized>(
    factory: Factory<T>,
    options: &Node,
    context: &BuildContext,
    failed_at: &FailedAt,
) -> Result<Box<T>, BuildError> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut options = <dyn OptionsDeserializer<'_>>::erase(Reader::new(options, failed_at));
        factory(&mut options, context)
    }))
    .unwrap_or_else(|_| Err(BuildError::new("the plugin panicked when it was made")))
}
