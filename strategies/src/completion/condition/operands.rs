//! What operators take, as far as that can be seen without looking at any value.

use cel::common::ast::{CallExpr, operators};

use super::chain::kind;
use super::names::Kind;

const COMPARISONS: &[&str] = &[
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
];

/// The operators that only numbers have, each as it is written.
const ARITHMETIC: &[(&str, char)] = &[
    (operators::SUBSTRACT, '-'),
    (operators::MULTIPLY, '*'),
    (operators::DIVIDE, '/'),
    (operators::MODULO, '%'),
];

/// Whether it compares its operands.
pub(super) fn compares(call: &CallExpr) -> bool {
    COMPARISONS.contains(&call.func_name.as_str())
}

/// Why an operator cannot take its two operands.
pub(super) fn mismatch(call: &CallExpr) -> Option<String> {
    let [left, right] = call.args.as_slice() else { return None };
    let kinds = [kind(left), kind(right)];
    let seen = kinds.iter().all(|kind| *kind != Kind::Unknown);
    if compares(call) && seen && kinds[0] != kinds[1] {
        return Some(format!("{} cannot be compared with {}", kinds[0].words(), kinds[1].words()));
    }
    let (_, written) = ARITHMETIC.iter().find(|(name, _)| *name == call.func_name)?;
    let other = kinds.into_iter().find(|kind| !matches!(kind, Kind::Number | Kind::Unknown))?;
    Some(format!("`{written}` takes numbers, and this is {}", other.words()))
}
