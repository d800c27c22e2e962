//! The Python messages of `examples/python` are what the `.proto` files say.
//!
//! After a change of the files: `BLESS=1 cargo test -p stook-proto --test python`.

use std::fmt::Write;
use std::path::Path;

/// No line of the module is longer than that.
const WIDTH: usize = 100;

const HEAD: &str = r#""""The messages of stook's wire, for the `protobuf` package (4.22 or newer).

Generated from proto/proto/stook/v1/*.proto by a test of this repository; do not edit. After a change of
those files: BLESS=1 cargo test -p stook-proto --test python
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FILES = (
"#;

const TAIL: &str = r#")

_pool = descriptor_pool.DescriptorPool()
for _file in descriptor_pb2.FileDescriptorSet.FromString(_FILES).file:
    _pool.AddSerializedFile(_file.SerializeToString())
    for _message in _file.message_type:
        _descriptor = _pool.FindMessageTypeByName("stook.v1." + _message.name)
        globals()[_message.name] = message_factory.GetMessageClass(_descriptor)
"#;

#[test]
fn the_python_messages_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = protox::Compiler::new([root.join("proto")]).expect("a folder");
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(["stook/v1/frame.proto", "stook/v1/value.proto"]).expect("the .proto files compile");
    let fresh = module(&compiler.encode_file_descriptor_set());

    let kept = root.join("../examples/python/stook_pb2.py");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, &fresh).expect("the checked-in file is writable");
    }
    let kept = std::fs::read_to_string(kept).expect("the messages are checked in");
    assert!(kept.replace("\r\n", "\n") == fresh, "stook_pb2.py is stale; run this test with BLESS=1");
}

/// A Python module that makes classes of these descriptors.
fn module(descriptors: &[u8]) -> String {
    let mut module = HEAD.to_owned();
    let mut line = String::new();
    for byte in descriptors {
        let byte = byte.escape_ascii().to_string();
        if line.len() + byte.len() > WIDTH - "    b''".len() {
            writeln!(module, "    b'{line}'").expect("a string takes it");
            line.clear();
        }
        line += &byte;
    }
    writeln!(module, "    b'{line}'").expect("a string takes it");
    module + TAIL
}
