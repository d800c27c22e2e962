//! How it looks.

use stook_messages::expect_file;
use stook_plugin::BuildContext;

use super::{check, load, registry};
use crate::config::{Config, Source};

#[test]
fn a_byte_order_mark_is_no_column() {
    let errors = load("\u{feff}hots = 1").unwrap_err().to_string();
    assert!(errors.starts_with("stook.toml:1:1: unknown key `hots`\n  |\n1 | hots = 1\n"), "{errors}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Source::toml_file("no/such/stook.toml").unwrap_err().to_string();
    assert!(error.starts_with("no/such/stook.toml: the config file cannot be read: "), "{error}");
}

#[test]
fn no_text_is_too_broken_to_be_shown() {
    let text = "[aggregate.\"ä\"]\r\ntopics = [\"t.#\", 5]\ntimeout = \"\"\"\n1ö\"\"\"\nkey = { a.b = [1.5, -0x1] }\n";
    for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        for junk in ["", "\"", "\n[", "ß = ", "\u{0}", "]]"] {
            let (before, after) = text.split_at(cut);
            let broken = format!("{before}{junk}{after}");
            for text in [&broken, &broken[..before.len() + junk.len()]] {
                let errors = load(text).err().map(|errors| errors.to_string());
                assert!(errors.is_none_or(|errors| errors.starts_with("stook.toml")), "{text}");
            }
        }
    }
}

#[test]
fn other_formats_name_paths() {
    let json = r#"{"host": {"nmae": "x"}, "aggregate": {"a": {"topics": ["t", 5], "timeout": "1s"}}}"#;
    let source = Source::deserialize("stook.json", &mut serde_json::Deserializer::from_str(json)).unwrap();
    let errors = Config::load(&source, &registry(), &BuildContext::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        r"stook.json: host.nmae: unknown key `nmae`
  = did you mean `name`? [host] has name, memory

stook.json: aggregate.a.topics[1]: bad `topics`: expected a string, found the number 5
"
    );
}

#[test]
fn colours_and_json() {
    let errors = load("hots = 1").unwrap_err();
    let colored = errors.colored().to_string();
    assert!(colored.starts_with("stook.toml:1:1: \x1b[1;31munknown key `hots`\x1b[0m\n"), "{colored}");
    assert!(colored.contains("  | \x1b[1;31m^^^^\x1b[0m\n"), "{colored}");
    assert_eq!(
        serde_json::to_string(&errors).unwrap(),
        r#"[{"severity":"error","file":"stook.toml","line":1,"column":1,"message":"unknown key `hots`","help":"did you mean `host`? a config has host, aggregate, dispatch, collector, task, sink"}]"#
    );
}

#[test]
fn a_main_that_returns_it_prints_text() {
    let errors = load("hots = 1").unwrap_err();
    assert_eq!(format!("{errors:?}"), errors.to_string());
}

#[test]
fn messages() {
    check(
        &[
            (
                "broken toml is shown in the same shape",
                "[aggregate.a\ntimeout = \"1s\"\ntimeout = 5 5\nx = \n",
            ),
            ("broken toml is shown in the same shape", "a = 1\na = 2\n"),
            ("broken toml is shown in the same shape", "a = 1979-05-27\nb = 9223372036854775808\n"),
            ("columns count characters and tabs stay", "host = { \"näme\" = 1, \tnam = 1 }"),
            (
                "what spans lines is shown on its first",
                "[aggregate.a]\r\ntopics = [\r\n \"t\"]\r\ntimeout = [\r\n1]\r\n",
            ),
        ],
        &expect_file!["messages/rendering.txt"],
    );
}
