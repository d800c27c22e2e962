//! The processes that the host starts: when, whether again, and how they are stopped.

use stook_engine::LifeState;
use stook_plugin::Exit;
use stook_types::{CollectorId, Missing, MonoTime};
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::Control;
use super::refused::RestartRefused;
use super::roster::{Doing, Standing};
use crate::event::{Cause, Event};
use crate::session::Command;
use crate::supervise::{self, ChildEnd, Order, Plan};

/// How long a child without a session has to leave by itself.
const UNASKED: Duration = Duration::from_millis(100);

impl Control {
    /// Starts whoever is to be started now, and kills whoever did not register in time.
    pub(super) fn start_due(&mut self, now: MonoTime) {
        let due = self.restarts.take_due(now);
        due.iter().for_each(|id| self.start(id));
        if !due.is_empty() {
            self.save_secrets();
        }
        for id in self.restarts.take_overdue(now) {
            if self.feed.logs(now, Cause::of_collector("collector.not-registered", &id)) {
                tracing::warn!(collector = %id, "collector has not registered in time; its process is killed");
            }
            self.kill(&id, Doing::NotRegistered);
        }
    }

    fn start(&mut self, id: &CollectorId) {
        let Some(known) = self.roster.get_mut(id) else { return };
        let Some(command) = known.config.command.clone() else { return };
        // A token for each start: the one before may still be around, and must not be taken for this one.
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        known.secret = Some(secret.clone());
        known.starts += 1;
        (known.doing, known.adopted) = (None, false);
        let plan = Plan { id: id.clone(), command, secret, last_lines: known.last_lines.clone() };
        known.child = Some(supervise::start(&self.hub, &self.endpoint, plan));
    }

    /// A collector that the host has started has a session.
    pub(super) fn in_service(&mut self, id: &CollectorId) {
        let now = self.hub.clock.now();
        let Some(known) = self.roster.get_mut(id) else { return };
        if known.child.is_none() && !known.adopted {
            return;
        }
        self.restarts.registered(now, id);
        let first = std::mem::replace(&mut known.served, known.starts) != known.starts;
        let ended = known.last_exit.as_ref().map(|(_, at)| *at);
        if let (true, Some(ended), Some(status)) = (first, ended, self.restarts.status(id)) {
            let after_ms = millis(now.since(ended));
            self.tell(&Event::CollectorRestarted {
                collector: id.clone(),
                restarts: status.restarts,
                after_ms,
            });
        }
    }

    /// Kills a child with all that it has started.
    pub(super) fn kill(&mut self, id: &CollectorId, doing: Doing) {
        let Some(known) = self.roster.get_mut(id) else { return };
        let Some(child) = &known.child else { return };
        known.doing.get_or_insert(doing);
        // Full only if it is being killed already.
        let _ = child.orders.try_send(Order::Kill);
    }

    pub(super) fn child_ended(&mut self, id: &CollectorId, end: ChildEnd) {
        let now = self.hub.clock.now();
        let ChildEnd { how, exit, hopeless } = end;
        self.tell(&Event::CollectorExited { collector: id.clone(), how: how.clone() });
        let Some(known) = self.roster.get_mut(id) else { return };
        // Whoever still shows its token is not it.
        (known.child, known.secret, known.last_exit) = (None, None, Some((how, now)));
        if matches!(known.standing, Standing::Awaited) {
            known.standing = Standing::NeverCame;
        }
        let doing = known.doing.take();
        if !self.stopping {
            match doing {
                Some(Doing::Restart) => _ = self.restarts.reset(now, id),
                Some(Doing::Silent) => self.decide(now, id, Exit::Silent, hopeless),
                Some(Doing::NotRegistered) => self.decide(now, id, Exit::NotRegistered, hopeless),
                Some(Doing::Kill) | None => self.decide(now, id, exit, hopeless),
            }
        }
        self.begin_schedule();
    }

    /// A child has ended that was not asked to: the policy decides.
    pub(super) fn decide(&mut self, now: MonoTime, id: &CollectorId, exit: Exit, hopeless: Option<String>) {
        let collector = id.clone();
        let event = match self.restarts.ended(now, id, exit, hopeless) {
            Some(LifeState::Due(at)) => {
                Event::CollectorRestarting { collector, in_ms: millis(at.since(now)) }
            }
            Some(LifeState::Quarantined { why, .. }) => {
                Event::CollectorQuarantined { collector, why: why.clone() }
            }
            Some(LifeState::Left) => {
                let Some(known) = self.roster.get(id) else { return };
                Event::CollectorLeft { collector, why: known.why_left() }
            }
            _ => return,
        };
        self.tell(&event);
    }

    /// An operator wants a collector started again, whatever it did before.
    pub(super) fn restart(&mut self, id: &CollectorId) -> Result<(), RestartRefused> {
        if self.stopping {
            return Err(RestartRefused::Stopping);
        }
        let Some(known) = self.roster.get_mut(id) else {
            let near = stook_types::nearest(id.as_str(), self.roster.ids());
            let near = near.map(ToOwned::to_owned);
            return Err(RestartRefused::Unknown { collector: id.clone(), near });
        };
        if known.config.command.is_none() {
            return Err(RestartRefused::NotOurs(id.clone()));
        }
        let adopted = known.member().filter(|_| known.adopted);
        if let Some((source, commands)) =
            adopted.map(|member| (member.source.clone(), member.commands.clone()))
        {
            // It is not ours to end. It is told when it comes back, and exits.
            known.adopted = false;
            self.ended(&source, Missing::Disconnected, false);
            let _ = commands.try_send(Command::End);
            self.restarts.reset(self.hub.clock.now(), id);
            return Ok(());
        }
        let Some(known) = self.roster.get_mut(id) else { return Ok(()) };
        let Some(child) = &known.child else {
            self.restarts.reset(self.hub.clock.now(), id);
            return Ok(());
        };
        known.doing = Some(Doing::Restart);
        let end = Instant::now() + self.grace;
        match known.member() {
            Some(member) => {
                let _ = member.commands.try_send(Command::Drain(self.grace));
                let _ = child.orders.try_send(Order::End(end));
                self.router.draining(self.hub.clock.now(), id);
            }
            None => _ = child.orders.try_send(Order::End(Instant::now() + UNASKED)),
        }
        Ok(())
    }

    /// Children are asked to leave, and made to if they do not. Everybody else stays until the sinks are done.
    pub(super) fn stop(&mut self) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.router.close();
        let end = Instant::now() + self.grace;
        self.stop_by = Some(end);
        for known in self.roster.iter_mut() {
            if let (true, Some(member)) = (known.adopted, known.member()) {
                let _ = member.commands.try_send(Command::Drain(self.grace));
            }
            let Some(child) = &known.child else { continue };
            match &known.standing {
                Standing::Connected(member) => {
                    let _ = member.commands.try_send(Command::Drain(self.grace));
                    let _ = child.orders.try_send(Order::End(end));
                }
                // It cannot be asked.
                _ => _ = child.orders.try_send(Order::End(Instant::now() + UNASKED)),
            }
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
