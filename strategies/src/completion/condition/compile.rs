//! From the text of a condition to what can be evaluated.

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::thread;

use cel::Env;
use cel::parser::Expression;

use super::On;
use super::check::Checker;
use super::names::Names;
use super::syntax;

/// The parser takes some 200 KiB of stack per bracket in a debug build, and an overflow cannot be caught: so it has a
/// thread with room for all that the bounds below let through.
const STACK: usize = 64 << 20;
const MAX_LENGTH: usize = 2_000;
const MAX_BRACKETS: usize = 32;

/// CEL's standard functions, without its optional values.
pub(super) static ENV: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A condition that was understood.
pub(super) struct Program {
    pub(super) expression: Expression,
    pub(super) names: Names,
}

/// What is wrong with a condition.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    /// The bytes of its text that are at fault.
    pub(super) at: Range<usize>,
}

/// Understands a condition about a result or a set.
pub(super) fn compile(source: &str, on: On) -> Result<Program, Fault> {
    check_bounds(source)?;
    let read = || parse_and_check(source, on);
    let read_on_a_large_stack = thread::scope(|scope| {
        let thread = thread::Builder::new().name("stook-cel".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, read).map(thread::ScopedJoinHandle::join)
    });
    match read_on_a_large_stack {
        Ok(Ok(read)) => read,
        Ok(Err(_)) => Err(Fault::of_all(source, "the parser panicked")),
        Err(error) => Err(Fault::of_all(source, format!("there is no thread to read it on: {error}"))),
    }
}

fn check_bounds(source: &str) -> Result<(), Fault> {
    if source.trim().is_empty() {
        return Err(Fault::of_all(source, "the condition is empty"));
    }
    let length = source.chars().count();
    if length > MAX_LENGTH {
        return Err(Fault::of_all(source, format!("it has {length} characters, more than {MAX_LENGTH}")));
    }
    let mut open = 0_usize;
    for (at, char) in source.char_indices() {
        match char {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_BRACKETS {
            let message = format!("brackets are nested more than {MAX_BRACKETS} deep");
            return Err(Fault { message, at: at..at + 1 });
        }
    }
    Ok(())
}

fn parse_and_check(source: &str, on: On) -> Result<Program, Fault> {
    let parsed = ENV.parser().parse_with_source_info(source);
    let (expression, info) = parsed.map_err(|errors| syntax::fault(source, &errors))?;
    let names = Checker::new(source, &info, on).check(&expression)?;
    Ok(Program { expression, names })
}

impl Fault {
    pub(super) fn of_all(source: &str, message: impl Into<String>) -> Self {
        Self { message: message.into(), at: 0..source.len() }
    }
}
