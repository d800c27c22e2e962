//! The stook host: sessions, supervision, config and delivery; embeddable.

pub mod config;
pub mod exit;

pub use stook_plugin::{Registry, link_plugins};
