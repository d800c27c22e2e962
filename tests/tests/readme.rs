//! What README.md shows is what the examples are, and runs.

use std::path::{Path, PathBuf};

use stook::config::{Config, Source};
use stook::{BuildContext, Registry, link_plugins};

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The README has the whole file as a block of this language.
fn shows(language: &str, path: &str) {
    let file = read(path);
    let block = format!("\n```{language}\n{file}```\n");
    assert!(read("README.md").contains(&block), "README.md does not show {path} as it is:\n{file}");
}

#[test]
fn the_readme_shows_the_examples_as_they_are() {
    shows("rust", "examples/uptime/main.rs");
    shows("rust", "examples/uptime/tests.rs");
    shows("sh", "examples/exec/ps-json");
    shows("rust", "examples/embedded/main.rs");
    shows("toml", "examples/quickstart/stook.toml");
    shows("rust", "examples/acme-policy/src/lib.rs");
    shows("rust", "examples/acme-host/src/main.rs");
    shows("toml", "examples/acme-host/stook.toml");
}

#[test]
fn the_configs_of_the_examples_are_valid_without_a_warning() {
    let registry = Registry::linked(link_plugins!(stook_strategies)).expect("no collision");
    for path in [
        "examples/quickstart/stook.toml",
        "examples/quickstart/shared.toml",
        "examples/uptime/stook.toml",
        "examples/exec/stook.toml",
    ] {
        let source = Source::toml_file(at(path)).unwrap_or_else(|wrong| panic!("{wrong}"));
        let (_, warnings) = Config::load(&source, &registry, &BuildContext::default())
            .unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(warnings.is_empty(), "{warnings}");
    }
}

#[test]
fn every_file_that_the_documents_link_to_is_there() {
    let chapters =
        std::fs::read_dir(at("book")).expect("the book").map(|entry| entry.expect("a chapter").path());
    let documents = ["README.md", "tests/README.md", "tests/scenarios/README.md", "ARCHITECTURE.md"].map(at);
    for document in documents.into_iter().chain(chapters) {
        let folder = document.parent().expect("a file is in a folder").to_owned();
        let document = document.to_str().expect("a path of ours");
        for link in read(document).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or(link);
            assert!(link.starts_with("https://") || folder.join(file).exists(), "{document}: {link}");
        }
    }
}
