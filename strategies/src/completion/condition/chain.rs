//! Variables with the names that follow them, and what an expression is.

use cel::common::ast::{Expr, LiteralValue, operators};
use cel::parser::Expression;

use super::names::{Kind, ResultField, SetField};

/// A variable with the names that follow it.
pub(super) struct Chain<'a> {
    pub(super) root: &'a str,
    pub(super) root_id: u64,
    pub(super) steps: Vec<Step<'a>>,
    /// Whether it asks only if the last is there.
    pub(super) has: bool,
}

pub(super) struct Step<'a> {
    pub(super) name: &'a str,
    pub(super) id: u64,
}

/// The variable and names that an expression is, if it is nothing else: `set.value.a` and `set.value["a"]`.
pub(super) fn chain(expression: &Expression) -> Option<Chain<'_>> {
    let mut steps = Vec::new();
    let has = matches!(&expression.expr, Expr::Select(select) if select.test);
    let mut rest = expression;
    loop {
        match &rest.expr {
            Expr::Ident(root) => {
                steps.reverse();
                return Some(Chain { root, root_id: rest.id, steps, has });
            }
            Expr::Select(select) => {
                steps.push(Step { name: &select.field, id: rest.id });
                rest = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [value, index] = call.args.as_slice() else { return None };
                let Expr::Literal(LiteralValue::String(name)) = &index.expr else { return None };
                steps.push(Step { name: name.inner(), id: index.id });
                rest = value;
            }
            _ => return None,
        }
    }
}

/// What an expression is, if that can be seen without looking at any value.
pub(super) fn kind(expression: &Expression) -> Kind {
    if let Some(chain) = chain(expression) {
        return match (chain.root, &*chain.steps) {
            _ if chain.has => Kind::Bool,
            ("result", [step]) => step.name.parse().map_or(Kind::Unknown, ResultField::kind),
            ("set", [step]) => step.name.parse().map_or(Kind::Unknown, SetField::kind),
            _ => Kind::Unknown,
        };
    }
    match &expression.expr {
        Expr::Literal(literal) => match literal {
            LiteralValue::Boolean(_) => Kind::Bool,
            LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Kind::Number,
            LiteralValue::String(_) => Kind::Text,
            LiteralValue::Bytes(_) | LiteralValue::Null => Kind::Unknown,
        },
        Expr::List(_) => Kind::List,
        Expr::Map(_) => Kind::Map,
        Expr::Call(call) => match call.func_name.as_str() {
            "size" | "int" | "uint" | "double" => Kind::Number,
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO => {
                Kind::Number
            }
            operators::NEGATE => Kind::Number,
            operators::ADD => call.args.first().map_or(Kind::Unknown, kind),
            "string" => Kind::Text,
            operators::CONDITIONAL | operators::INDEX => Kind::Unknown,
            _ => Kind::Bool,
        },
        // `map` and `filter` begin with an empty list, the others with true, false or a number.
        Expr::Comprehension(comprehension) => match &comprehension.accu_init.expr {
            Expr::List(_) => Kind::List,
            _ => Kind::Bool,
        },
        _ => Kind::Unknown,
    }
}
