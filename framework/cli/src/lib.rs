//! What the binary `stook` is made of, as far as others can use it: [`scenario`], which tests configs, and [`logging`].

pub mod logging;
pub mod scenario;
