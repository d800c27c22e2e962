//! What happens, in a few words: a label of at most 7 characters and a text.

use std::time::Duration;

use stook::Event;
use stook_types::Missing;

use crate::ledger::News;

/// What chaos did, and what came of it.
pub(crate) fn told(news: &News) -> (&'static str, String) {
    match news {
        News::Killed(id) => ("chaos", format!("killed {id}")),
        News::Stopped(id) => ("chaos", format!("stopped {id}")),
        News::WentOn(id) => ("chaos", format!("let {id} go on")),
        News::Silent(id) => ("silent", format!("{id}: killed")),
        News::Moved { from, to: Some(to), parts } => ("moved", format!("{parts} of {from} to {to}")),
        News::Moved { from, to: None, parts } => {
            ("moved", format!("{parts} of {from}: waiting for somebody who can"))
        }
        News::Back { collector, after } => ("back", format!("{collector} after {after:.0?}")),
        News::GivenUp(id) => ("back", format!("{id} not any more: it ended too often")),
    }
}

/// What the host tells, where there is no chaos and so every end is news. The rest is progress, or good news.
pub(crate) fn told_of(event: &Event) -> Option<(&'static str, String)> {
    Some(match event {
        Event::CollectorExited { collector, how } => ("ended", format!("{collector}: {how}")),
        // Of one that has exited, its end is told.
        Event::CollectorLost { collector, why, .. } if *why != Missing::Exited => {
            ("lost", format!("{collector}: {why}"))
        }
        Event::CollectorSilent { collector } => ("silent", format!("{collector}: killed")),
        Event::CollectorWithoutHeartbeats { collector } => {
            ("silent", format!("{collector}: no heartbeats, but it lives"))
        }
        Event::CollectorOverdue { collector, task, why } => {
            ("late", format!("{collector} with {task}: {why}"))
        }
        Event::CollectorRestarted { collector, after_ms, .. } => {
            ("back", format!("{collector} after {:.0?}", Duration::from_millis(*after_ms)))
        }
        Event::CollectorQuarantined { collector, why } => ("dropped", format!("{collector}: {why}")),
        Event::CollectorLeft { collector, why } => ("left", format!("{collector}: {why}")),
        Event::TaskRedistributed { capability, from, to: Some(to), .. } => {
            ("moved", format!("{capability} of {from} to {to}"))
        }
        Event::TaskRedistributed { capability, from, to: None, .. } => {
            ("moved", format!("{capability} of {from}: waiting for somebody who can"))
        }
        Event::TaskFailed { capability, collector: Some(collector), why, .. } => {
            ("failed", format!("{collector} at {capability}: {why}"))
        }
        Event::TaskFailed { capability, collector: None, why, .. } => {
            ("failed", format!("{capability}: {why}"))
        }
        Event::TaskQuarantined { capability, kills, .. } => {
            ("failed", format!("{capability}: it has killed {kills} collectors"))
        }
        Event::TaskUnassigned { task, why } => ("failed", format!("{task} was not taken: {why}")),
        Event::PluginMisbehaved { plugin, kind, what } => ("plugin", format!("{kind} `{plugin}`: {what}")),
        Event::ConnectionRefused { why, .. } => ("refused", format!("a connection: {why}")),
        _ => return None,
    })
}
