//! `rules`: what each rule of `fields` takes for a value.

use std::hint::black_box;
use std::sync::Arc;

use stook_plugin::{Conflicts, Contribution, MergeInput, MergeStrategy, Source};
use stook_proto::payload;
use stook_types::{CollectorId, Incarnation, SessionEpoch, Topic, Value};
use uuid::Uuid;

use super::report::{Outcome, Row};
use super::stats::Samples;
use super::stopwatch::Stopwatch;
use super::{Bench, Halt, plugins};

/// The field that each payload has, and none beside it.
const FIELD: &str = "value";
/// Results of a large set, and of small ones: those are the usual case.
const MANY: usize = 1_000;
const FEW: usize = 3;
/// As many small sets are merged under one look at the clock.
const SETS: usize = 300;

/// What a field may have, the number of its result given.
struct Kind {
    name: &'static str,
    value: fn(i64) -> Value,
}

/// A rule is measured with the first of these kinds that it takes without conflict.
const KINDS: [Kind; 6] = [
    Kind { name: "integers", value: |n| n.into() },
    Kind { name: "one integer", value: |_| 7.into() },
    Kind { name: "texts", value: |n| format!("text {n}").into() },
    Kind { name: "booleans", value: |n| (n % 2 == 0).into() },
    Kind { name: "arrays of 3", value: |n| (n..n + 3).map(Value::from).collect() },
    Kind { name: "one object of 3", value: |_| [("a", 1), ("b", 2), ("c", 3)].into() },
];

/// What is measured, with the results that it is given.
struct Case {
    name: String,
    kind: &'static Kind,
    /// `None` stands for decoding alone.
    strategy: Option<Box<dyn MergeStrategy>>,
    many: Vec<Contribution>,
    in_many: Samples,
    in_few: Samples,
}

pub(super) fn measure(bench: &mut Bench) -> Result<Outcome, Halt> {
    let rounds = bench.amount(20, 300);
    let watch = Stopwatch::new();
    let mut cases: Vec<_> = KINDS.iter().map(|kind| Case::new("bare decoding", kind, None)).collect();
    let list = plugins::made("list", "{}").map_err(Halt::failed)?;
    cases.push(Case::new("the strategy `list`", &KINDS[0], Some(list)));
    for name in names()? {
        cases.push(Case::of_rule(&name).ok_or_else(|| {
            Halt::failed(format!("rule `{name}` takes nothing of what is tried: add a kind for it"))
        })?);
    }
    for round in 1..=rounds {
        bench.goes_on(|| format!("round {round} of {rounds}"))?;
        cases.iter_mut().for_each(|case| case.visit(&watch));
    }
    Ok(Outcome {
        values: Vec::new(),
        rows: rows(cases),
        notes: vec![
            "the merge of a set without its release and what comes after; payloads are objects of one field, encoded as on the \
             wire; ratios are to decoding the same payloads and nothing else"
                .into(),
        ],
    })
}

/// Every rule that config can name, as the plugin itself lists them to somebody who names another one.
fn names() -> Result<Vec<String>, Halt> {
    let made = plugins::made::<dyn MergeStrategy>("fields", r#"{"default": "?"}"#);
    let Err(error) = made else { return Err(Halt::failed("there is a rule `?`")) };
    let list =
        error.message.split_once("there are ").map(|(_, list)| list.split(" at line").next().unwrap_or(list));
    let list = list.ok_or_else(|| Halt::failed(format!("no list of rules: {error}")))?;
    Ok(list.split(", ").map(str::to_owned).collect())
}

/// Rows for large sets, the cheapest first, then the same for small ones.
fn rows(mut cases: Vec<Case>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (size, of) in [(MANY, (|case| &case.in_many) as fn(&Case) -> &Samples), (FEW, |case| &case.in_few)] {
        cases.sort_by(|a, b| of(a).median().total_cmp(&of(b).median()));
        for case in &cases {
            let floor =
                cases.iter().find(|floor| floor.strategy.is_none() && floor.kind.name == case.kind.name);
            let floor = floor.map_or(f64::NAN, |floor| of(floor).median());
            let what = format!("set of {size}: {}, {}", case.name, case.kind.name);
            rows.push(Row::of(what, of(case), "ns").beside(of(case).median() / floor, "decoding"));
        }
    }
    rows
}

// === impl Case ===

impl Case {
    fn new(name: &str, kind: &'static Kind, strategy: Option<Box<dyn MergeStrategy>>) -> Self {
        let many = contributions(kind);
        Self { name: name.to_owned(), kind, strategy, many, in_many: Samples::new(), in_few: Samples::new() }
    }

    /// `None` if the rule takes nothing of what there is.
    fn of_rule(name: &str) -> Option<Self> {
        let options = format!(r#"{{"rules": {{"{FIELD}": "{name}"}}}}"#);
        let strategy = || plugins::made("fields", &options).ok();
        KINDS.iter().map(|kind| Self::new(name, kind, strategy())).find(Self::is_faithful)
    }

    /// Whether a merge gives the field a value, without conflict.
    fn is_faithful(&self) -> bool {
        let Some(strategy) = &self.strategy else { return false };
        let mut conflicts = Conflicts::default();
        let merged = strategy.merge(&MergeInput::new("bench", &self.many), &mut conflicts);
        let value = merged.ok().and_then(|merged| merged.to_value().ok());
        conflicts.into_list().is_empty() && value.is_some_and(|value| value.at(&[FIELD]).is_some())
    }

    fn visit(&mut self, watch: &Stopwatch) {
        self.run(&self.many);
        let took = watch.time(|| self.run(&self.many)).1;
        self.in_many.push(took / MANY as f64);
        let sets = || self.many.chunks_exact(FEW).take(SETS).for_each(|few| self.run(few));
        sets();
        let took = watch.time(sets).1;
        self.in_few.push(took / (SETS * FEW) as f64);
    }

    fn run(&self, results: &[Contribution]) {
        let Some(strategy) = &self.strategy else {
            return results.iter().for_each(|result| drop(black_box(result.payload.decode())));
        };
        let mut conflicts = Conflicts::default();
        let merged = strategy.merge(&MergeInput::new("bench", results), &mut conflicts);
        drop(black_box((merged, conflicts)));
    }
}

fn contributions(kind: &Kind) -> Vec<Contribution> {
    let source = |number: u64| {
        let id = CollectorId::new(&format!("collector-{number}")).expect("an id");
        let incarnation = Incarnation(Uuid::from_u128(number.into()));
        Arc::new(Source::new(id, "bench", incarnation, SessionEpoch(number), None))
    };
    let sources = [1, 2, 3].map(source);
    let topic = Topic::new("bench.result").expect("a topic");
    let result = |number: usize| {
        let value = (kind.value)(number as i64);
        let payload = payload(&Value::from([(FIELD, value)])).expect("flat");
        Contribution::new(sources[number % FEW].clone(), topic.clone(), number as u64 + 1, payload)
    };
    (0..MANY).map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_can_be_measured() {
        let names = names().unwrap();
        assert!(
            ["first", "sum", "agree"].iter().all(|rule| names.iter().any(|name| name == rule)),
            "{names:?}"
        );
        let unmeasured: Vec<_> = names.iter().filter(|name| Case::of_rule(name).is_none()).collect();
        assert!(unmeasured.is_empty(), "{unmeasured:?}");
    }
}
