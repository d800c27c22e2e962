//! What a condition may say.
//!
//! Evaluating has to take time proportional to the results, whatever they contain. So an expression is small; a
//! macro (`exists`, `map` and so on) does not stand in another one; and in what a macro does with each element, a value from
//! outside of it may only be compared, and with something that is not from there too: which is not more work than the
//! element itself is.

use std::ops::Range;

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, SourceInfo, operators};
use cel::parser::Expression;

use super::On;
use super::chain::{Chain, Step, chain, kind};
use super::compile::Fault;
use super::functions::{did_you_mean, wrong_call};
use super::names::{Kind, Names, ResultField, SetField};
use super::operands;

/// How many parts an expression may have, and how deep they may lie in each other. Evaluating recurses, and takes some
/// 50 KiB of stack per level in a debug build: this deep, it needs half of an ordinary thread's.
const MAX_PARTS: usize = 256;
const MAX_DEPTH: usize = 20;

/// Walks an expression: collects what it names, and stops at the first thing that it must not say.
pub(super) struct Checker<'a> {
    source: &'a str,
    info: &'a SourceInfo,
    on: On,
    names: Names,
    parts: usize,
    depth: usize,
    /// The variables of the macro that is being looked into.
    locals: Vec<&'a str>,
    /// Whether it is what the macro does with each element.
    in_body: bool,
    /// Whether this is compared, and nothing else is done with it.
    compared: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn new(source: &'a str, info: &'a SourceInfo, on: On) -> Self {
        Self {
            source,
            info,
            on,
            names: Names::default(),
            parts: 0,
            depth: 0,
            locals: Vec::new(),
            in_body: false,
            compared: false,
        }
    }

    /// What the expression names, if it is a condition.
    pub(super) fn check(mut self, expression: &'a Expression) -> Result<Names, Fault> {
        self.walk(expression)?;
        self.check_bool(expression)?;
        if self.names.is_empty() {
            let message = "it names nothing of the result or the set, so it would always say the same";
            return Err(Fault { message: message.to_owned(), at: 0..self.source.len() });
        }
        self.names.reads.sort();
        self.names.reads.dedup();
        Ok(self.names)
    }

    fn walk(&mut self, expression: &'a Expression) -> Result<(), Fault> {
        let chain = chain(expression);
        let steps = chain.as_ref().map_or(0, |chain| chain.steps.len());
        self.parts += 1 + steps;
        self.depth += 1;
        let too_large = match () {
            () if self.parts > MAX_PARTS => Some(format!("it has more than {MAX_PARTS} parts")),
            () if self.depth + steps > MAX_DEPTH => {
                Some(format!("more than {MAX_DEPTH} of its parts lie inside each other"))
            }
            () => None,
        };
        if let Some(why) = too_large {
            let message = format!("the condition is too large: {why}");
            return Err(Fault { message, at: 0..self.source.len() });
        }
        let compared = std::mem::take(&mut self.compared);
        match &chain {
            Some(chain) => self.walk_chain(chain, compared)?,
            None => self.walk_inside(expression)?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn walk_inside(&mut self, expression: &'a Expression) -> Result<(), Fault> {
        match &expression.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Call(call) => {
                let name = &call.func_name;
                if let Some(message) = wrong_call(name, call.target.is_some(), call.args.len()) {
                    return Err(Fault { message, at: self.called(expression.id, name) });
                }
                let compares = operands::compares(call);
                if compares && self.in_body && call.args.iter().all(|side| self.is_outside(side)) {
                    let message = "both sides are from outside of what the macro goes through, and the same for each \
                        element: compare them before the macro";
                    return Err(self.fault(expression.id, message));
                }
                for part in call.target.iter().map(|target| &**target).chain(&call.args) {
                    self.compared = compares;
                    self.walk(part)?;
                }
                self.compared = false;
                operands::mismatch(call).map_or(Ok(()), |message| Err(self.fault(expression.id, message)))
            }
            Expr::Select(select) => self.walk(&select.operand),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.walk(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.walk(&entry.key)?;
                    self.walk(&entry.value)
                }
                EntryExpr::StructField(field) => self.walk(&field.value),
            }),
            Expr::Comprehension(comprehension) => self.walk_macro(expression.id, comprehension),
            _ => Err(self.fault(expression.id, "a condition has no messages")),
        }
    }

    fn walk_macro(&mut self, id: u64, of: &'a ComprehensionExpr) -> Result<(), Fault> {
        if !self.locals.is_empty() {
            let message = "a macro (exists, all, exists_one, map, filter) must not stand inside another one, nor on \
                what another one makes";
            return Err(self.fault(id, message));
        }
        if matches!(of.iter_var.as_str(), "result" | "set") {
            let message = format!("the variable of a macro must not be called `{}`", of.iter_var);
            return Err(self.fault(id, message));
        }
        self.locals = vec![&of.iter_var, &of.accu_var];
        self.walk(&of.iter_range)?;
        self.in_body = true;
        for part in [&of.accu_init, &of.loop_cond, &of.loop_step, &of.result] {
            self.walk(part)?;
        }
        self.in_body = false;
        self.locals.clear();
        Ok(())
    }

    fn walk_chain(&mut self, chain: &Chain<'a>, compared: bool) -> Result<(), Fault> {
        match chain.root {
            root if self.in_body && self.locals.contains(&root) => Ok(()),
            "result" if self.on == On::Result => {
                let (field, path) = self.field::<ResultField>(chain, ResultField::WORDS)?;
                if field == ResultField::Value {
                    self.check_value(chain, compared)?;
                } else {
                    self.check_plain(chain, field.kind())?;
                }
                self.names.result.entry(field).or_default().add(&path);
                Ok(())
            }
            "set" => {
                let (field, path) = self.field::<SetField>(chain, SetField::WORDS)?;
                if field == SetField::Value {
                    self.check_value(chain, compared)?;
                    if path.is_empty() {
                        let message = "name the fields of it, like `set.value.total`: only those are followed \
                            while a set is open";
                        return Err(self.step_fault(chain, 0, message));
                    }
                    self.names.reads.push(path.clone());
                } else {
                    self.check_plain(chain, field.kind())?;
                }
                self.names.set.entry(field).or_default().add(&path);
                Ok(())
            }
            root => Err(self.unknown_root(chain, root)),
        }
    }

    /// The field of `result` or `set` that is named, and the names that follow it.
    fn field<F: std::str::FromStr>(
        &self,
        chain: &Chain<'a>,
        words: &[&str],
    ) -> Result<(F, Vec<String>), Fault> {
        let root = chain.root;
        let Some((first, rest)) = chain.steps.split_first() else {
            let message = format!("name a field of `{root}`: it has {}", words.join(", "));
            return Err(self.fault(chain.root_id, message));
        };
        let field = first.name.parse().map_err(|_| {
            let near = did_you_mean(first.name, words);
            let message = format!("`{root}` has no `{}`; {near}it has {}", first.name, words.join(", "));
            self.step_fault(chain, 0, message)
        })?;
        if chain.has && rest.is_empty() {
            let message = format!("`{root}.{}` is always there: `has` is for what is in a value", first.name);
            return Err(self.step_fault(chain, 0, message));
        }
        Ok((field, rest.iter().map(|step| step.name.to_owned()).collect()))
    }

    /// Whether it is something of any size that is not of the macro's element.
    fn is_outside(&self, side: &Expression) -> bool {
        let is_element = |chain: &Chain<'_>| self.locals.contains(&chain.root) || chain.has;
        chain(side).is_some_and(|chain| !is_element(&chain))
            && matches!(kind(side), Kind::Unknown | Kind::List)
    }

    /// A value is of any size, so it is not looked through for each element of another one.
    fn check_value(&self, chain: &Chain<'a>, compared: bool) -> Result<(), Fault> {
        if self.in_body && !compared && !chain.has {
            let message = "what a macro does with each element may only compare a value from outside of it \
                (==, !=, <, <=, >, >=)";
            return Err(self.step_fault(chain, 0, message));
        }
        Ok(())
    }

    fn check_plain(&self, chain: &Chain<'a>, kind: Kind) -> Result<(), Fault> {
        if chain.steps.len() < 2 {
            return Ok(());
        }
        let message =
            format!("`{}.{}` is {} and has no fields", chain.root, chain.steps[0].name, kind.words());
        Err(self.step_fault(chain, 1, message))
    }

    fn unknown_root(&self, chain: &Chain<'a>, root: &str) -> Fault {
        let message = match (root, self.on) {
            ("result", _) => "`result` is there only with on = \"result\"".to_owned(),
            (_, On::Result) => {
                let near = did_you_mean(root, &["result", "set"]);
                format!("there is no `{root}`; {near}there is `result` and `set`")
            }
            (_, On::Set) => format!("there is no `{root}`; with on = \"set\" there is only `set`"),
        };
        self.fault(chain.root_id, message)
    }

    /// A condition is true or false, and so is what `&&`, `||`, `!` and `? :` make one of.
    fn check_bool(&self, expression: &Expression) -> Result<(), Fault> {
        if let Expr::Call(call) = &expression.expr
            && matches!(
                call.func_name.as_str(),
                operators::LOGICAL_AND
                    | operators::LOGICAL_OR
                    | operators::LOGICAL_NOT
                    | operators::CONDITIONAL
            )
        {
            return call.args.iter().try_for_each(|part| self.check_bool(part));
        }
        match kind(expression) {
            Kind::Bool | Kind::Unknown => Ok(()),
            other => {
                let message = format!("this is {}, and a condition is true or false", other.words());
                Err(match chain(expression) {
                    Some(chain) if !chain.steps.is_empty() => {
                        self.step_fault(&chain, chain.steps.len() - 1, message)
                    }
                    _ => self.fault(expression.id, message),
                })
            }
        }
    }

    fn fault(&self, id: u64, message: impl Into<String>) -> Fault {
        Fault { message: message.into(), at: self.span(id) }
    }

    fn step_fault(&self, chain: &Chain<'_>, step: usize, message: impl Into<String>) -> Fault {
        let Step { name, id } = chain.steps[step];
        let mut at = self.span(id);
        // A selection stands at its dot, and one in `has` at the bracket.
        if matches!(&self.source[at.clone()], "." | "(")
            && let Some(before) = self.source[at.end..].find(name)
        {
            at = at.end + before..at.end + before + name.len();
        }
        Fault { message: message.into(), at }
    }

    /// The name of a function, which stands before the bracket at which its call does.
    fn called(&self, id: u64, name: &str) -> Range<usize> {
        let at = self.span(id);
        let before = self.source[..at.start].trim_end();
        if before.ends_with(name) { before.len() - name.len()..before.len() } else { at }
    }

    /// The bytes of the source at which a part stands.
    fn span(&self, id: u64) -> Range<usize> {
        let (start, last) = self.info.offset_for(id).unwrap_or_default();
        let end = self.source.ceil_char_boundary(last as usize + 1);
        self.source.floor_char_boundary(start as usize).min(end)..end
    }
}
