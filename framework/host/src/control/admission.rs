//! Who is let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stook_engine::Arrival;
use stook_plugin::Source;
use stook_proto::{Hello, Lease, RejectReason, Rejection};
use stook_types::{CollectorId, Missing, MonoTime, Refusal, SessionEpoch, Topic, nearest};

use super::adoption::Proof;
use super::roster::{Heard, Member, Standing};
use super::{Control, Registration};
use crate::event::{Cause, Event};
use crate::session::{Admitted, Command, TopicRoute};

/// Sessions of this process, counted.
static EPOCHS: AtomicU64 = AtomicU64::new(0);

impl Control {
    pub(super) fn register(&mut self, registration: Registration) {
        let Registration { hello, peer, commands, answer } = registration;
        if let Err(rejection) = self.check(&hello) {
            self.hub.count_refused();
            if let Some(known) = self.roster.get_mut(&hello.id) {
                known.last_rejection = Some(rejection.to_string());
            }
            self.tell(&Event::ConnectionRefused {
                collector: self.roster.get(&hello.id).map(|known| known.config.id.clone()),
                reason: rejection.reason.as_str(),
                why: format!("{}: {rejection}", hello.id),
                in_session: false,
            });
            // The session may be gone already.
            let _ = answer.send(Err(rejection));
            return;
        }
        self.end_predecessor(&hello.id);
        let now = self.hub.clock.now();
        let routes: Vec<TopicRoute> = hello.topics.iter().map(|topic| self.route(&hello, topic)).collect();
        self.warn_of_topics(now, &hello.id, &routes);
        let epoch = SessionEpoch(EPOCHS.fetch_add(1, Ordering::Relaxed) + 1);
        let pid = peer.pid.or(Some(hello.pid));
        let source = Source::new(hello.id.clone(), hello.kind.as_str(), hello.incarnation, epoch, pid);
        let session = self.hub.aggregator.connected(source);
        let source = Arc::clone(session.source());
        let known = self.roster.get_mut(&hello.id).expect("checked above");
        let heartbeat = self.health.begin(now, hello.id.clone(), epoch, known.config.detect);
        let heard = Heard::default();
        heard.now(now);
        let topics = routes.iter().map(|route| (route.topic.clone(), route.route.err())).collect();
        let admitted = Admitted {
            mailbox: self.hub.delivery.mailboxes().of(&hello.id, hello.incarnation),
            routes,
            heartbeat,
            heard: heard.clone(),
            last_lease: Lease(self.router.last_lease().0),
            exited: known.child.as_ref().map(|child| child.exited.clone()),
            session,
        };
        let adopted = !known.adopted && known.proof(&hello.token) == Proof::Inherited;
        known.adopted |= adopted;
        known.capabilities = hello.capabilities;
        known.kind = Some(source.kind.clone());
        known.topics = topics;
        (known.how, known.orderly, known.last_rejection) = (None, false, None);
        self.scores.declared_anew();
        known.named(hello.incarnation);
        let start = known.starts;
        known.standing = Standing::Connected(Member { source: source.clone(), commands, heard, start });
        let runs: Vec<_> =
            known.capabilities.iter().map(|declared| (declared.name.clone(), declared.concurrency)).collect();
        let answered = answer.send(Ok(admitted)).is_ok();
        let (collector, incarnation) = (hello.id, hello.incarnation);
        self.tell(&Event::CollectorConnected { collector: collector.clone(), incarnation, pid });
        if !answered {
            // The connection is gone before it was answered: no session will report its end.
            self.ended(&source, Missing::Disconnected, false);
            // The router has not seen it, so that the sets have to be told here.
            let (why, now) = (Missing::Disconnected, self.hub.clock.now());
            self.hub.aggregator.collector_lost(now, &source, why, &mut self.released);
            return;
        }
        if adopted {
            self.tell(&Event::CollectorAdopted { collector: collector.clone(), incarnation });
        }
        self.in_service(&collector);
        let arrival = Arrival { source: &source, capabilities: &runs };
        self.turn(|router, turn| router.connected(turn, arrival));
        self.begin_schedule();
    }

    /// A process that has ended may have a session left whose end has not been read: its successor is not to wait.
    fn end_predecessor(&mut self, id: &CollectorId) {
        let Some(member) = self.roster.get(id).and_then(|known| known.member()) else { return };
        let (source, commands) = (member.source.clone(), member.commands.clone());
        self.ended(&source, Missing::Exited, true);
        let _ = commands.try_send(Command::End);
    }

    fn check(&self, hello: &Hello) -> Result<(), Rejection> {
        let id = &hello.id;
        let no = |reason, text: String, remedy: String| Err(Rejection::new(reason, text, remedy));
        if self.stopping {
            return no(
                RejectReason::ShuttingDown,
                "the host stops".into(),
                "connect again when it has been started again".into(),
            );
        }
        let Some(known) = self.roster.get(id) else {
            let near = nearest(id.as_str(), self.roster.ids());
            let near = near.map_or_else(String::new, |near| format!("; or did you mean `{near}`?"));
            return no(
                RejectReason::UnknownCollector,
                format!("no collector `{id}` is configured"),
                format!(
                    "add [collector.{id}] with the topics that it may publish to the host's config{near}"
                ),
            );
        };
        match known.proof(&hello.token) {
            Proof::Current | Proof::Inherited => {}
            Proof::Superseded => {
                return no(
                    RejectReason::Superseded,
                    format!("another process is `{id}` by now"),
                    "exit: what you had was given to others".into(),
                );
            }
            Proof::Wrong => {
                return no(
                    RejectReason::Token,
                    format!("`{id}` is started by the host, and this process does not have its token"),
                    "let the host start it, or remove `command` from its config and start it yourself".into(),
                );
            }
        }
        if let Some(kind) = known.config.kind.as_ref().filter(|kind| ***kind != *hello.kind) {
            return no(
                RejectReason::Declaration,
                format!("`{id}` is of kind `{}`, and config says `{kind}`", hello.kind),
                format!("correct `kind` in [collector.{id}], or start the right program"),
            );
        }
        if known.is_superseded(hello.incarnation) {
            return no(
                RejectReason::Superseded,
                format!("another process has been `{id}` since this one was"),
                "give each collector an id of its own; this one cannot go on, for its results may be known"
                    .into(),
            );
        }
        if let Some(member) = known.member().filter(|member| member.start == known.starts) {
            let pid = member.source.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
            return no(
                RejectReason::Duplicate,
                format!("a collector `{id}` is connected already{pid}"),
                "give each collector an id of its own, or stop the other one".into(),
            );
        }
        Ok(())
    }

    /// Where results of a declared topic go. What a collector may not publish, or nobody takes, is refused result by
    /// result: its other topics are not to blame.
    fn route(&self, hello: &Hello, topic: &Topic) -> TopicRoute {
        let granted = self.roster.get(&hello.id).map(|known| &known.config.publish);
        let route = if granted.is_some_and(|patterns| patterns.iter().any(|pattern| pattern.matches(topic))) {
            self.hub.aggregator.route(topic).ok_or(Refusal::UnknownTopic)
        } else {
            Err(Refusal::TopicNotAllowed)
        };
        TopicRoute { topic: topic.clone(), route }
    }

    /// One line for each reason: a collector may declare a thousand topics, and come again.
    fn warn_of_topics(&mut self, now: MonoTime, collector: &CollectorId, routes: &[TopicRoute]) {
        for (reason, remedy) in [
            (Refusal::TopicNotAllowed, "grant it in `publish` of its [collector.ID]"),
            (Refusal::UnknownTopic, "name it in `topics` of an aggregate"),
        ] {
            let refused = |route: &&TopicRoute| matches!(route.route, Err(why) if why == reason);
            let mut refused = routes.iter().filter(refused);
            let Some(first) = refused.next() else { continue };
            let topics = 1 + refused.count();
            let cause = Cause { reason: reason.as_str(), ..Cause::of_collector("topics.refused", collector) };
            if self.feed.logs(now, cause) {
                let example = first.topic.as_str();
                tracing::warn!(%collector, %reason, topics, example, remedy, "results on these topics will be refused");
            }
        }
    }
}
