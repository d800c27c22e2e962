//! `[sink.NAME]`.

use std::sync::Arc;

use stook_plugin::Sink;

use super::SinkConfig;
use super::host::name_of;
use super::node::{Entry, Place};
use super::plugin::select;
use super::table::Cx;

/// A sink with the place that the checks of the whole need. Without a config if that is wrong.
pub(super) struct SinkDraft<'a> {
    pub(super) name: Arc<str>,
    pub(super) config: Option<SinkConfig>,
    pub(super) place: &'a Place,
}

pub(super) fn read<'a>(cx: &'a Cx<'a>, entry: &'a Entry) -> SinkDraft<'a> {
    let name = name_of(cx, "a sink", entry);
    let config = select::<dyn Sink>(cx, &entry.place, &entry.node).map(|selected| SinkConfig {
        name: name.clone(),
        plugin: selected.registration.name,
        factory: selected.into_factory(cx),
    });
    SinkDraft { name, config, place: &entry.place }
}
