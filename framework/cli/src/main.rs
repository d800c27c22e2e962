//! The binary `stook`.
fn main() {}
