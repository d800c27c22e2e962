//! The checked-in types are what the `.proto` files say.
//!
//! After a change of the files: `BLESS=1 cargo test -p stook-proto --test generated`.

use std::path::Path;

#[test]
fn generated_types_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let frames = protox::compile(["stook/v1/frame.proto", "stook/v1/value.proto"], [root.join("proto")])
        .expect("the .proto files compile");
    let out = tempfile::tempdir().expect("a temporary directory");
    prost_build::Config::new()
        .bytes(["."])
        // Prints no token; written by hand in src/hello.rs.
        .skip_debug([".stook.v1.Hello"])
        .out_dir(out.path())
        .compile_fds(frames)
        .expect("types are generated");

    let fresh = std::fs::read_to_string(out.path().join("stook.v1.rs")).expect("one file per package");
    let kept = root.join("src/generated/stook.v1.rs");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, &fresh).expect("the checked-in file is writable");
    }
    let kept = std::fs::read_to_string(kept).expect("the types are checked in");
    assert!(kept.replace("\r\n", "\n") == fresh, "src/generated is stale; run this test with BLESS=1");
}
