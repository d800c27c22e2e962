//! `[dispatch]`, and the policies that stand in it, in an aggregate, in one of its topics, in a task or in a collector:
//! who gets a task, when a silent collector is given up, whether an ended one is started again.

use std::cell::RefCell;

use stook_engine::{DetectorId, Modifiers, NamedDetector, NamedRestart, NamedScore, RestartId, ScoreId};
use stook_plugin::{FailureDetector, PluginType, RestartPolicy, ScoringPolicy};
use stook_types::units::Span;

use super::DispatchConfig;
use super::node::{Kind, Node, Place};
use super::plugin::{Selected, select};
use super::table::{Cx, Table};
use super::tables::{ACCRUAL, DISPATCH};

/// What holds where `[dispatch]` selects nothing, if it is linked.
pub(super) const SCORE: &str = "least-outstanding";
pub(super) const DETECT: &str = "deadline";
pub(super) const RESTART: &str = "backoff";

/// Every policy that was selected so far, each made once for each table that selects it.
#[derive(Default)]
pub(super) struct Policies {
    scores: RefCell<Vec<NamedScore>>,
    detectors: RefCell<Vec<NamedDetector>>,
    restarts: RefCell<Vec<NamedRestart>>,
}

/// A policy that a table selects.
pub(super) struct Choice<'a, Id> {
    pub(super) id: Id,
    pub(super) node: &'a Node,
}

/// What one table says about dispatch.
pub(super) struct Choices<'a> {
    pub(super) score: Option<Choice<'a, ScoreId>>,
    pub(super) detect: Option<Choice<'a, DetectorId>>,
    pub(super) restart: Option<Choice<'a, RestartId>>,
}

/// What holds where nothing nearer says otherwise.
pub(super) struct Defaults {
    pub(super) score: ScoreId,
    pub(super) detect: DetectorId,
    pub(super) restart: RestartId,
    pub(super) modifiers: Modifiers,
}

/// The policies that a table selects, if it can have them.
pub(super) fn choices<'a>(table: &Table<'a>) -> Choices<'a> {
    let policies = &table.cx.policies;
    Choices {
        score: choice(table, "score", |selected, policy| policies.score(selected.name(), policy)),
        detect: choice(table, "detect", |selected, policy| policies.detect(selected.name(), policy)),
        restart: choice(table, "restart", |selected, policy| policies.restart(selected.name(), policy)),
    }
}

/// `[dispatch]`. Where it selects nothing, stook's own defaults hold if they are linked, and else the engine's rules:
/// the fewest in flight, 5 s of silence, no restart.
pub(super) fn read(root: &Table<'_>) -> Defaults {
    let nothing = Node { kind: Kind::Table(Vec::new()), place: Place::Nowhere };
    let node = root.get("dispatch").unwrap_or(&nothing);
    let table = Table::open(root.cx, &node.place, node, &DISPATCH);
    let (chosen, policies) = (choices(&table), &root.cx.policies);
    let score = chosen
        .score
        .map(|choice| choice.id)
        .or_else(|| default::<dyn ScoringPolicy, _>(root.cx, SCORE, |name, made| policies.score(name, made)));
    let detect = chosen.detect.map(|choice| choice.id).or_else(|| {
        default::<dyn FailureDetector, _>(root.cx, DETECT, |name, made| policies.detect(name, made))
    });
    let restart = chosen.restart.map(|choice| choice.id).or_else(|| {
        default::<dyn RestartPolicy, _>(root.cx, RESTART, |name, made| policies.restart(name, made))
    });
    Defaults {
        score: score.unwrap_or(ScoreId::BUILT_IN),
        detect: detect.unwrap_or(DetectorId::BUILT_IN),
        restart: restart.unwrap_or(RestartId::BUILT_IN),
        modifiers: modifiers(&table),
    }
}

fn choice<'a, T: PluginType + ?Sized, Id>(
    table: &Table<'a>,
    key: &str,
    keep: impl FnOnce(&Selected<T>, Box<T>) -> Id,
) -> Option<Choice<'a, Id>> {
    let node = table.get(key)?;
    let selected = select::<T>(table.cx, &node.place, node)?;
    let policy = selected.build(table.cx)?;
    Some(Choice { id: keep(&selected, policy), node })
}

fn default<T: PluginType + ?Sized, Id>(
    cx: &Cx<'_>,
    name: &'static str,
    keep: impl FnOnce(&'static str, Box<T>) -> Id,
) -> Option<Id> {
    // A host that does not link it does without; that is no mistake in the config.
    cx.registry.find::<T>(name).ok()?;
    let text = |text: &str| Node { kind: Kind::Text(text.to_owned()), place: Place::Nowhere };
    let entry = super::node::Entry { key: "use".to_owned(), place: Place::Nowhere, node: text(name) };
    let node = Node { kind: Kind::Table(vec![entry]), place: Place::Nowhere };
    let selected = select::<T>(cx, &node.place, &node)?;
    Some(keep(name, selected.build(cx)?))
}

fn modifiers(table: &Table<'_>) -> Modifiers {
    let mut modifiers = Modifiers::default();
    if let Some(Span(slow_start)) = table.read("slow_start") {
        modifiers.slow_start = slow_start;
    }
    let Some(node) = table.get("accrual") else { return modifiers };
    let table = Table::open(table.cx, &node.place, node, &ACCRUAL);
    modifiers.failures = table.read("failures").unwrap_or(modifiers.failures);
    modifiers.eject = table.positive("eject").map_or(modifiers.eject, |span: Span| span.0);
    modifiers.most_ejected = share(&table, "most").unwrap_or(modifiers.most_ejected);
    modifiers.panic_below = share(&table, "panic").unwrap_or(modifiers.panic_below);
    modifiers
}

fn share(table: &Table<'_>, key: &str) -> Option<f64> {
    let share = table.placed::<f64>(key)?;
    if (0.0..=1.0).contains(&share.value) {
        return Some(share.value);
    }
    let message = format!("bad `{key}`: {} is no share of the collectors", share.value);
    table.cx.error(share.place, message, "write a number from 0.0 (none) to 1.0 (all)");
    None
}

// === impl Choice ===

impl<Id: Copy> Choice<'_, Id> {
    /// What was selected, and how that was written.
    pub(super) const fn said(&self) -> (Id, &Node) {
        (self.id, self.node)
    }
}

// === impl Policies ===

impl Policies {
    fn score(&self, name: &'static str, policy: Box<dyn ScoringPolicy>) -> ScoreId {
        ScoreId(push(&self.scores, NamedScore { name, policy }))
    }

    fn detect(&self, name: &'static str, detector: Box<dyn FailureDetector>) -> DetectorId {
        DetectorId(push(&self.detectors, NamedDetector { name, detector }))
    }

    fn restart(&self, name: &'static str, policy: Box<dyn RestartPolicy>) -> RestartId {
        RestartId(push(&self.restarts, NamedRestart { name, policy }))
    }

    pub(super) fn take_config(&self, defaults: &Defaults) -> DispatchConfig {
        DispatchConfig {
            scores: self.scores.take(),
            detectors: self.detectors.take(),
            restarts: self.restarts.take(),
            modifiers: defaults.modifiers,
            score: defaults.score,
            detect: defaults.detect,
            restart: defaults.restart,
        }
    }
}

fn push<T>(list: &RefCell<Vec<T>>, element: T) -> usize {
    let mut list = list.borrow_mut();
    list.push(element);
    list.len() - 1
}
