//! `proto/README.md` says what the code does: its session in bytes, its states, and its numbers.
//!
//! After a change: `BLESS=1 cargo test -p stook-proto --test document` writes the session anew. The rest is yours to say.

#[path = "document/dump.rs"]
mod dump;
#[path = "document/numbers.rs"]
mod numbers;
#[path = "document/session.rs"]
mod session;

use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- the session, written by tests/document.rs -->\n```text\n";
const END: &str = "```\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn path() -> PathBuf {
    root().join("README.md")
}

fn text() -> String {
    std::fs::read_to_string(path()).expect("the document").replace("\r\n", "\n")
}

#[test]
fn the_session_is_what_both_ends_say() {
    let fresh = session::dump();
    let text = text();
    let (before, rest) = text.split_once(BEGIN).expect("the document has a session");
    let (kept, after) = rest.split_once(END).expect("it ends");
    if kept != fresh && std::env::var_os("BLESS").is_some() {
        return std::fs::write(path(), [before, BEGIN, &fresh, END, after].concat()).expect("it is writable");
    }
    assert!(kept == fresh, "README.md shows another session; run this test with BLESS=1, or write:\n{fresh}");
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let rows = numbers::rows(&text());
    assert!(rows.len() > 30, "the tables of limits and times are there: {rows:?}");
    let wrong: Vec<_> = rows.iter().filter_map(|row| numbers::check(root(), row).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_frame_and_every_reason_is_described() {
    let text = text();
    let described = |name: &str| assert!(text.contains(&format!("`{name}`")), "`{name}` is not described");
    let files = dump::descriptors();
    let frame = files.get_message_by_name("stook.v1.Frame").expect("a frame");
    for body in frame.fields() {
        described(body.kind().as_message().expect("all are messages").name());
    }
    let reasons = files.get_enum_by_name("stook.v1.Reject.Reason").expect("reasons");
    for reason in reasons.values() {
        assert!(
            text.contains(&format!(
                "| {} | `{}` |",
                reason.number(),
                reason.name().trim_start_matches("REASON_")
            )),
            "{} is not described",
            reason.name()
        );
    }
    for refusal in stook_types::Refusal::ALL {
        described(refusal.as_str());
    }
}

#[test]
fn what_it_and_its_example_link_to_is_there() {
    for document in ["README.md", "../examples/python/README.md"] {
        let path = root().join(document);
        let folder = path.parent().expect("a file is in a folder");
        let text = std::fs::read_to_string(&path).expect("the document");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or(link);
            assert!(folder.join(file).exists(), "{document}: {link}");
        }
    }
}
