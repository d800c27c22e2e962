//! Policies of VENDOR, one a file. A host that names this crate in `link_plugins!` can select them.

