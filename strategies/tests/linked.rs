//! A host that links this crate finds every plugin in it: the linker keeps them.

use stook_plugin::{PluginKind, Registry, link_plugins};

#[test]
fn a_host_finds_every_plugin() {
    let registry = Registry::linked(link_plugins!(stook_strategies)).unwrap();
    let found: Vec<_> = registry.plugins().iter().map(|plugin| (plugin.kind, plugin.name)).collect();
    assert_eq!(
        found,
        [
            (PluginKind::Completion, "bytes"),
            (PluginKind::Completion, "condition"),
            (PluginKind::Completion, "count"),
            (PluginKind::Completion, "expected"),
            (PluginKind::Completion, "marker"),
            (PluginKind::Completion, "quorum"),
            (PluginKind::Dedup, "content"),
            (PluginKind::Dedup, "none"),
            (PluginKind::Detection, "deadline"),
            (PluginKind::Detection, "phi-accrual"),
            (PluginKind::Merge, "by-collector"),
            (PluginKind::Merge, "fields"),
            (PluginKind::Merge, "first"),
            (PluginKind::Merge, "join"),
            (PluginKind::Merge, "latest"),
            (PluginKind::Merge, "list"),
            (PluginKind::Merge, "vote"),
            (PluginKind::Order, "arrival"),
            (PluginKind::Order, "sequence"),
            (PluginKind::Order, "timestamp"),
            (PluginKind::Restart, "backoff"),
            (PluginKind::Restart, "immediate"),
            (PluginKind::Restart, "intensity"),
            (PluginKind::Restart, "never"),
            (PluginKind::Scoring, "hot-cold"),
            (PluginKind::Scoring, "least-outstanding"),
            (PluginKind::Scoring, "p2c"),
            (PluginKind::Scoring, "peak-ewma"),
            (PluginKind::Scoring, "random"),
            (PluginKind::Scoring, "round-robin"),
            (PluginKind::Scoring, "seed-weighted"),
            (PluginKind::Sink, "jsonl"),
        ]
    );
    assert_eq!(registry.crates(), ["stook_strategies"]);
}

#[test]
fn an_unknown_strategy_lists_those_there_are() {
    let registry = Registry::linked(link_plugins!(stook_strategies)).unwrap();
    let error = registry.find::<dyn stook_plugin::MergeStrategy>("feilds").unwrap_err().to_string();
    assert_eq!(
        error,
        "no merge plugin is named `feilds`; did you mean `fields`? there is: by-collector, fields, first, join, latest, list, vote (linked: stook_strategies)"
    );
}

#[test]
fn every_plugin_and_option_explains_itself() {
    let registry = Registry::linked(link_plugins!(stook_strategies)).unwrap();
    for plugin in registry.plugins() {
        assert!(
            plugin.docs.ends_with('.') && !plugin.docs.contains("  "),
            "{}: {:?}",
            plugin.name,
            plugin.docs
        );
        for option in plugin.options {
            assert!(option.docs.ends_with('.'), "{}.{}: {:?}", plugin.name, option.name, option.docs);
        }
    }
}
