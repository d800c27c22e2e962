//! What users read of this crate's errors: see `messages/errors.txt`.

use stook_messages::{every, expect_file, page};

use crate::{BuildError, MergeError, PluginKind, RegistryError, SinkError, UnknownPlugin};

#[test]
fn errors() {
    let (kind, name) = (PluginKind::Merge, "join");
    let registry = every!(RegistryError {
        RegistryError::Collision { .. } =>
            RegistryError::Collision { kind, name, first: "acme_policies", second: "stook_strategies" };
        RegistryError::NothingRegistered(_) => RegistryError::NothingRegistered("acme_policies");
        RegistryError::BadName { .. } => RegistryError::BadName { kind, name: "Join It", krate: "acme_policies" };
    });
    let unknown = |name: &str, near| UnknownPlugin {
        kind,
        name: name.to_owned(),
        near,
        names: vec!["join", "list"],
        crates: vec!["stook_strategies"],
    };
    let none = UnknownPlugin { names: Vec::new(), crates: Vec::new(), ..unknown("join", None) };
    let rest = page(
        "others",
        &[
            ("UnknownPlugin", unknown("jion", Some("join")).to_string()),
            ("UnknownPlugin", unknown("acme/nth", None).to_string()),
            ("UnknownPlugin", none.to_string()),
            ("BuildError", BuildError::in_option("k", "must be at least 1").to_string()),
            (
                "MergeError",
                MergeError::new("payload is not valid application/json: trailing comma").to_string(),
            ),
            (
                "SinkError",
                SinkError::new("failed to write to `out.jsonl`: no space left on device").to_string(),
            ),
        ],
    );
    expect_file!["messages/errors.txt"].assert_eq(&[registry, rest].concat());
}
