//! The functions that a condition may call.

use stook_types::nearest;

/// The functions there are, each with how it is written.
const FUNCTIONS: &[(&str, &str)] = &[
    ("size", "size(x)"),
    ("int", "int(x)"),
    ("uint", "uint(x)"),
    ("double", "double(x)"),
    ("string", "string(x)"),
    ("contains", "x.contains(\"text\")"),
    ("startsWith", "x.startsWith(\"text\")"),
    ("endsWith", "x.endsWith(\"text\")"),
];

/// The macros: they are calls only where they were not written as they must be.
const MACROS: &[(&str, &str)] = &[
    ("has", "has(x.field)"),
    ("exists", "x.exists(e, CONDITION)"),
    ("all", "x.all(e, CONDITION)"),
    ("exists_one", "x.exists_one(e, CONDITION)"),
    ("map", "x.map(e, EXPRESSION)"),
    ("filter", "x.filter(e, CONDITION)"),
];

/// Why there is no such call; `None` if there is. Operators are calls too, and what macros are made of.
pub(super) fn wrong_call(name: &str, on_target: bool, arguments: usize) -> Option<String> {
    // Their names cannot be written.
    if name.contains(|char: char| !char.is_ascii_alphanumeric() && char != '_') {
        return None;
    }
    let written = |list: &[(&str, &'static str)]| {
        list.iter().find(|(known, _)| *known == name).map(|(_, written)| *written)
    };
    let known = written(FUNCTIONS);
    let as_written = match name {
        "size" => arguments + usize::from(on_target) == 1,
        "contains" | "startsWith" | "endsWith" => on_target && arguments == 1,
        _ => !on_target && arguments == 1,
    };
    match (known.or_else(|| written(MACROS)), name) {
        _ if known.is_some() && as_written => None,
        (Some(written), _) => Some(format!("`{name}` is written {written}")),
        (None, "matches") => Some(
            "there are no regular expressions; `contains`, `startsWith` and `endsWith` look for text"
                .to_owned(),
        ),
        (None, _) => {
            let names: Vec<_> = FUNCTIONS.iter().chain(MACROS).map(|(name, _)| *name).collect();
            let near = did_you_mean(name, &names);
            Some(format!("there is no function `{name}`; {near}there is {}", names.join(", ")))
        }
    }
}

/// The near name, if there is one, as a sentence before another.
pub(super) fn did_you_mean(name: &str, names: &[&str]) -> String {
    nearest(name, names.iter().copied()).map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}
