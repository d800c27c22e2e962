//! Every text of several words that a crate has for its users stands on a page. Who writes a new one adds a sample of it
//! where the pages of its crate are made, or says here why nobody can meet it.

use std::path::Path;

use stook_messages::{Pages, sources};

/// That every text in the sources of this folder is on a page, but for these.
fn check(folder: &str, but: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let with_pages = ["collectors-sdk", "framework", "proto", "strategies"].map(|name| root.join(name));
    let pages = Pages::below(with_pages.iter().map(std::path::PathBuf::as_path));
    let sources = sources(&root.join(folder));
    let unread: Vec<_> = sources.iter().flat_map(|source| source.unread(&pages)).collect();
    let without_page: Vec<_> = unread
        .iter()
        .filter(|(_, text)| !but.contains(&text.as_str()))
        .map(|(place, text)| format!("{place}: {text}"))
        .collect();
    assert!(without_page.is_empty(), "no page has these texts of {folder}:\n{}", without_page.join("\n"));
    let all: Vec<_> = sources.iter().flat_map(|source| source.unread(&Pages::default())).collect();
    let gone: Vec<_> = but.iter().filter(|text| !all.iter().any(|(_, said)| said == *text)).collect();
    assert!(gone.is_empty(), "nobody says any more: {gone:#?}");
}

#[test]
fn of_configs() {
    check(
        "framework/host/src/config",
        &[
            // What `stook config default` is made of.
            "# Everything that a config can say. A key that is left out is what it is here, unless its comment # says otherwise; one that is commented out has no default. What must be given has an example.",
            "Left out:",
            "One of",
            // What formats other than TOML may have wrong, in the words of serde.
            "a bool, a number, text, a list or a table",
            "a word or a table with one key",
            "a value was read before its key",
            // As one says that panics when it is made.
            "the plugin panicked when it was opened",
            // A number below its least is found before it is read.
            "a whole number, at least 0",
            // What only an option that takes anything is said to take.
            "any value",
            // Every number that TOML takes for one can be read.
            "the number does not fit into a 64-bit float",
        ],
    );
}

#[test]
fn of_strategies() {
    check(
        "strategies/src",
        &[
            // No condition is known that the parser chokes on, and a system without threads has no host.
            "the parser panicked",
            "there is no thread to read it on:",
            "it is no CEL",
            // What the parser says, before it is put into words.
            "Syntax error:",
            "unexpected '<EOF>'",
            "the end",
            "mismatched input",
            "extraneous input",
            "no viable alternative at input",
            "token recognition error at:",
            // What a rule takes only `stook plugins show` says.
            "an option of the rule",
            // A path that was read has a name.
            "a path must have at least one name",
            // Standard output has no name that could be wrong; the sentence around it is on a page, with a file.
            "standard output",
        ],
    );
}
