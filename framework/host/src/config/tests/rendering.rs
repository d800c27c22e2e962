//! How it looks.

use stook_plugin::BuildContext;

use super::{check, load, registry};
use crate::config::{Config, Source};

#[test]
fn broken_toml_is_shown_in_the_same_shape() {
    check("[aggregate.a\ntimeout = \"1s\"\ntimeout = 5 5\nx = \n", "");
    check("a = 1\na = 2\n", "");
    check("a = 1979-05-27\nb = 9223372036854775808\n", "");
}

#[test]
fn columns_count_characters_and_tabs_stay() {
    check("host = { \"näme\" = 1, \tnam = 1 }", "");
}

#[test]
fn what_spans_lines_is_shown_on_its_first() {
    check("[aggregate.a]\r\ntopics = [\r\n \"t\"]\r\ntimeout = [\r\n1]\r\n", "");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Source::toml_file("no/such/stook.toml").unwrap_err().to_string();
    assert!(error.starts_with("no/such/stook.toml: the config file cannot be read: "), "{error}");
}

#[test]
fn other_formats_name_paths() {
    let json = r#"{"host": {"nmae": "x"}, "aggregate": {"a": {"topics": ["t", 5], "timeout": "1s"}}}"#;
    let source = Source::deserialize("stook.json", &mut serde_json::Deserializer::from_str(json)).unwrap();
    let errors = Config::load(&source, &registry(), &BuildContext::default()).unwrap_err();
    assert_eq!(errors.to_string(), "");
}

#[test]
fn colours_and_json() {
    let errors = load("hots = 1").unwrap_err();
    assert_eq!(errors.colored().to_string(), "");
    assert_eq!(serde_json::to_string(&errors).unwrap(), "");
}
