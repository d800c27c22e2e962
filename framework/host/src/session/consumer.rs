//! Somebody who is sent what the host releases: the consumer of a sink, or whoever looks on.

use std::sync::Arc;

use serde::Serialize;
use stook_plugin::Plugin;
use stook_proto::host::{Event as Said, SetError};
use stook_proto::transport::Peer;
use stook_proto::{RejectReason, Rejection, SessionError, Subscription};
use stook_types::{nearest, to_value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{SemaphorePermit, watch};

use super::connection::{Connection, Io};
use super::set;
use super::shutting_down;
use crate::consumer::ConsumerSink;
use crate::delivery::{Configured, LOOKERS, Looker, Next, Seat};
use crate::event::Refused;
use crate::hub::{Hub, Phase, reached};

/// What was subscribed to, and the reply that says so.
pub(super) struct Admitted {
    from: From,
    subscribed: Subscribed,
}

enum From {
    Sink(Seat),
    Aggregates(Looker),
}

/// The reply; its names are a published format.
#[derive(Serialize)]
struct Reply {
    subscribed: Subscribed,
}

#[derive(Serialize)]
struct Subscribed {
    /// Whose sets come.
    aggregates: Vec<Arc<str>>,
    sink: Option<String>,
    window: Option<u32>,
}

/// Text and remedy.
type Refusal = (String, String);

/// Finds what is subscribed to. Waits a moment for a consumer that is on its way out.
pub(super) async fn admit(hub: &Hub, to: &Subscription, peer: Peer) -> Result<Admitted, Refusal> {
    match to {
        Subscription::Aggregates(names) => look_on(hub, names),
        Subscription::Sink { name, window } => consume(hub, name, *window, peer).await,
    }
}

fn look_on(hub: &Hub, names: &[String]) -> Result<Admitted, Refusal> {
    let all: Vec<Arc<str>> = hub.aggregator.specs().map(|spec| spec.name.clone()).collect();
    let unknown = names.iter().find(|name| !all.iter().any(|known| **known == ***name));
    if let Some(unknown) = unknown {
        let text = format!("no aggregate is named `{unknown}`");
        return Err((text, there_is(unknown, all.iter().map(|name| &**name))));
    }
    let is_wanted = |name: &Arc<str>| names.is_empty() || names.iter().any(|wanted| **wanted == **name);
    let wanted: Vec<bool> = all.iter().map(is_wanted).collect();
    let subscribed =
        Subscribed { aggregates: all.into_iter().filter(is_wanted).collect(), sink: None, window: None };
    let looker = hub.delivery.lookers().look(wanted).ok_or_else(|| {
        let remedy = "end one of them, or give this one a sink of its own".to_owned();
        (format!("{LOOKERS} connections look on already"), remedy)
    })?;
    Ok(Admitted { from: From::Aggregates(looker), subscribed })
}

async fn consume(hub: &Hub, name: &str, window: u32, peer: Peer) -> Result<Admitted, Refusal> {
    let sinks = hub.delivery.configured();
    let Some(sink) = sinks.iter().find(|sink| &*sink.name == name) else {
        let text = format!("there is no sink `{name}` that an aggregate delivers to");
        return Err((text, there_is(name, sinks.iter().map(|sink| &*sink.name))));
    };
    let Some(outlet) = hub.delivery.outlet(name) else {
        return Err(not_for_consumers(sinks, sink));
    };
    let seat = outlet.consume(peer.pid).await.map_err(|other| {
        let who = other.pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        let remedy = "end that one, or give this one a sink of its own".to_owned();
        (format!("the sink `{name}` has a consumer already: {who}"), remedy)
    })?;
    let names: Vec<_> = hub.aggregator.specs().map(|spec| spec.name.clone()).collect();
    let aggregates = sink.aggregates.iter().map(|index| names[*index].clone()).collect();
    let subscribed = Subscribed { aggregates, sink: Some(name.to_owned()), window: Some(window) };
    Ok(Admitted { from: From::Sink(seat), subscribed })
}

fn not_for_consumers(sinks: &[Configured], Configured { name, plugin, .. }: &Configured) -> Refusal {
    let kind = ConsumerSink::NAME;
    let consumers = sinks.iter().filter(|sink| sink.plugin == kind).map(|sink| &*sink.name);
    let consumers: Vec<_> = consumers.collect();
    let remedy = if consumers.is_empty() {
        format!("write a [sink.NAME] with use = \"{kind}\" into the config, and deliver to it")
    } else {
        format!("for consumers there is {}", consumers.join(", "))
    };
    (format!("the sink `{name}` is no consumer's: it is of the kind `{plugin}`"), remedy)
}

fn there_is<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = nearest(name, names.clone());
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let names: Vec<_> = names.collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("{near}there is {names}")
}

/// Sends what there is until the peer leaves or the host has delivered its last set.
pub(super) async fn serve<S>(
    hub: &Arc<Hub>,
    mut connection: Connection<S>,
    Admitted { from, subscribed }: Admitted,
    permit: Option<SemaphorePermit<'_>>,
    phase: watch::Receiver<Phase>,
) where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    // The consumer of a sink takes no place from whoever asks.
    let _permit = permit.filter(|_| matches!(from, From::Aggregates(_)));
    // A slow one holds up its sink, which is what it is there for, or nobody.
    connection.do_not_hurry();
    let reply = to_value(&Reply { subscribed }).expect("names and a number");
    if connection.protocol.reply(&reply, true).is_err() {
        // It asks on and on, and does not read what it is answered.
        return;
    }
    Serving { hub, connection, from }.serve(phase).await;
}

struct Serving<'a, S> {
    hub: &'a Hub,
    connection: Connection<S>,
    from: From,
}

impl<S> Serving<'_, S>
where
    for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
{
    async fn serve(mut self, mut phase: watch::Receiver<Phase>) {
        let ended = loop {
            let wants_more = match self.fill() {
                Ok(wants_more) => wants_more,
                Err(error) => break Err((error.to_string(), impossible(&error))),
            };
            tokio::select! {
                biased;
                () = reached(&mut phase, Phase::Flushed) => break Ok(()),
                io = self.connection.step() => match self.understand(io) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => break Err((format!("{error} (from a consumer)"), error.rejection())),
                },
                () = self.from.arrived(), if wants_more => {}
            }
        };
        match ended {
            Ok(()) => {
                // What is looked at only costs nobody anything.
                while matches!(self.from, From::Aggregates(_)) && matches!(self.send_next(), Ok(true)) {}
                self.connection.reject(&shutting_down()).await;
            }
            Err((why, rejection)) => {
                let refused = Refused { collector: None, reason: rejection.reason, why };
                self.hub.refused(refused).await;
                self.connection.reject(&rejection).await;
            }
        }
    }

    /// Sends sets while the peer takes them. True if it would take more.
    fn fill(&mut self) -> Result<bool, SetError> {
        while self.connection.protocol.takes_set() && self.connection.has_room() {
            if !self.send_next()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends the next set, or says where some are missing. False if there is nothing.
    fn send_next(&mut self) -> Result<bool, SetError> {
        match self.from.next() {
            None => return Ok(false),
            Some(Next::Set(parcel)) => set::send(&mut self.connection.protocol, &parcel.result)?,
            Some(Next::Skipped(sets)) => self.connection.protocol.send_gap(sets),
        }
        Ok(true)
    }

    /// Takes in what was read. False if the peer has left.
    fn understand(&mut self, io: Io) -> Result<bool, SessionError> {
        let mut taken = 0;
        let understood = loop {
            match self.connection.protocol.poll(self.hub.clock.now()) {
                Ok(Some(Said::Acknowledged(sets))) => taken += sets,
                Ok(Some(_)) => {}
                Ok(None) => break Ok(!matches!(io, Io::Eof | Io::Deaf)),
                Err(error) => break Err(error),
            }
        };
        // Once for all that was read: each time wakes whoever waits for room.
        if let From::Sink(seat) = &self.from
            && taken > 0
        {
            seat.taken(taken);
        }
        understood
    }
}

/// Not even the outline of a set fits: an embedder has set limits of less than a kilobyte.
fn impossible(error: &SetError) -> Rejection {
    Rejection::new(RejectReason::Request, error.to_string(), "raise the host's limit of replies")
}

// === impl From ===

impl From {
    fn next(&self) -> Option<Next> {
        match self {
            Self::Sink(seat) => seat.next().map(Next::Set),
            Self::Aggregates(looker) => looker.next(),
        }
    }

    async fn arrived(&self) {
        match self {
            Self::Sink(seat) => seat.arrived().await,
            Self::Aggregates(looker) => looker.arrived().await,
        }
    }
}
