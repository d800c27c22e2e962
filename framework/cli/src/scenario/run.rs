//! One scenario from its config to its report.

use stook::Registry;
use stook::config::{Config, Diagnostics, Source};
use stook_engine::CounterSnapshot;
use stook_plugin::BuildContext;
use stook_types::{Object, Value};

use super::compare::compare;
use super::model::{Expected, Scenario};
use super::pattern::{Pattern, Record};
use super::report::{Failure, Report};
use super::world::{Outcome, World};

impl Scenario {
    /// Runs the scenario with these plugins. Reads no clock and sleeps for nothing: the same scenario always gives
    /// the same report.
    pub fn run(&self, registry: &Registry) -> Report {
        let loaded = Source::toml(&self.config.file, &self.config.text)
            .and_then(|source| Config::load(&source, registry, &BuildContext::default()));
        let failures = match (&self.expected, loaded) {
            (Expected::Error(text), loaded) => refused(text, loaded.err().as_ref()),
            (Expected::Run { .. }, Err(errors)) => vec![Failure::Config { errors: errors.to_string() }],
            (Expected::Run { emissions, refusals, counters }, Ok((config, _))) => {
                match self
                    .check_names(&config)
                    .and_then(|()| self.play(config).map_err(|failure| vec![failure]))
                {
                    Ok(outcome) => check(&outcome, emissions, refusals, counters.as_ref()),
                    Err(failures) => failures,
                }
            }
        };
        Report { file: self.file.to_string(), line: self.line, name: self.name.clone(), failures }
    }

    fn play(&self, config: Config) -> Result<Outcome, Failure> {
        let mut world = World::new(config, &self.steps);
        for step in &self.steps {
            let (line, column) = (step.line, step.column);
            let failed = |message| Failure::At { line, column, message };
            world.advance(step.at).and_then(|()| world.act(&step.action)).map_err(failed)?;
        }
        let failed = |message| Failure::At { line: self.line, column: 1, message };
        world.advance(self.until).map_err(failed)?;
        Ok(world.end())
    }
}

fn refused(text: &str, errors: Option<&Diagnostics>) -> Vec<Failure> {
    let found = errors.map(ToString::to_string);
    if found.as_deref().is_some_and(|found| found.contains(text)) {
        return Vec::new();
    }
    vec![Failure::Error { expected: text.to_owned(), actual: found }]
}

fn check(
    outcome: &Outcome,
    emissions: &[Pattern],
    refusals: &[Pattern],
    counters: Option<&Pattern>,
) -> Vec<Failure> {
    let Outcome { emissions: emitted, refusals: refused, counters: counts } = outcome;
    let mut failures: Vec<_> = compare(emissions, emitted).into_iter().map(Failure::Emission).collect();
    failures.extend(compare(refusals, refused).into_iter().map(Failure::Refusal));
    let fields = counters.map(|pattern| pattern.differences(&counts_of(counts))).unwrap_or_default();
    if !fields.is_empty() {
        failures.push(Failure::Counters { fields });
    }
    if counts.accounted() != counts.received {
        failures.push(Failure::Unaccounted { received: counts.received, accounted: counts.accounted() });
    }
    failures
}

/// Panics by the name of the plugin.
fn misbehaved(counts: &CounterSnapshot) -> Value {
    let count = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    Value::Object(counts.misbehaved.iter().map(|((_, name), n)| ((*name).to_owned(), count(*n))).collect())
}

fn counts_of(counts: &CounterSnapshot) -> Record {
    let count = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let reasons = |counts: &std::collections::BTreeMap<&str, u64>| {
        Value::Object(counts.iter().map(|(reason, n)| ((*reason).to_owned(), count(*n))).collect())
    };
    let fields = [
        ("received", count(counts.received)),
        ("delivered", count(counts.delivered)),
        ("duplicate", count(counts.duplicate)),
        ("pending", count(counts.pending)),
        ("late", count(counts.late)),
        ("refused", reasons(&counts.refused)),
        ("discarded", reasons(&counts.discarded)),
        ("released", count(counts.released)),
        ("plugin_panics", count(counts.plugin_panics)),
        ("misbehaved", misbehaved(counts)),
        ("undecided", count(counts.undecided)),
    ];
    Object::from(fields.map(|(name, value)| (name.to_owned(), value)))
}
