//! A sink that takes, fails or blocks, as the test says.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use stook_plugin::{AggregatedResult, BuildContext, BuildError, Plugin, Sink, SinkError, options, register};

options! {
    /// Options of `tests/gate`.
    pub struct GateOptions {
        /// Which gate, among all of this process.
        name: String,
    }
}

/// What a gate does with what comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Takes it.
    #[default]
    Open,
    /// Fails.
    Fail,
    /// Panics.
    Panic,
    /// Waits until it is open.
    Block,
}

/// A gate from outside. Found by its name, which must be the test's own.
#[derive(Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    mode: Mode,
    attempts: usize,
    taken: Vec<AggregatedResult>,
}

static GATES: Mutex<Option<HashMap<String, Gate>>> = Mutex::new(None);

struct GateSink {
    gate: Gate,
    delivered: Vec<AggregatedResult>,
}

// === impl Gate ===

impl Gate {
    /// The gate of this name.
    pub fn named(name: &str) -> Self {
        let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
        gates.get_or_insert_default().entry(name.to_owned()).or_default().clone()
    }

    /// Changes what it does.
    pub fn set(&self, mode: Mode) {
        self.state().mode = mode;
        self.0.changed.notify_all();
    }

    /// How often something was brought to it.
    pub fn attempts(&self) -> usize {
        self.state().attempts
    }

    /// What it took.
    pub fn taken(&self) -> Vec<AggregatedResult> {
        self.state().taken.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self) -> Result<(), SinkError> {
        let mut state = self.state();
        state.attempts += 1;
        while state.mode == Mode::Block {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mode = state.mode;
        drop(state);
        match mode {
            Mode::Fail => Err(SinkError::new("the gate is shut")),
            Mode::Panic => panic!("the gate falls down"),
            Mode::Open | Mode::Block => Ok(()),
        }
    }
}

// === impl GateSink ===

impl Plugin for GateSink {
    const NAME: &'static str = "tests/gate";
    const DOCS: &'static str = "Takes, fails or blocks, as a test says.";
    type Options = GateOptions;

    fn build(options: GateOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { gate: Gate::named(&options.name), delivered: Vec::new() })
    }
}

impl Sink for GateSink {
    fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError> {
        // What was not flushed will come again.
        self.gate.pass().inspect_err(|_| self.delivered.clear())?;
        self.delivered.push(result.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.gate.state().taken.append(&mut self.delivered);
        Ok(())
    }
}

register!(sink: GateSink);
