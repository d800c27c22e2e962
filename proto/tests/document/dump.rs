//! Frames for people: the bytes on the left, what they mean on the right.

use std::fmt::Write;
use std::path::Path;

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

/// Bytes on one line.
const ROW: usize = 12;

/// What the `.proto` files say.
pub(crate) fn descriptors() -> DescriptorPool {
    let mut compiler =
        protox::Compiler::new([Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")]).expect("a folder");
    compiler.open_files(["stook/v1/frame.proto", "stook/v1/value.proto"]).expect("the .proto files compile");
    compiler.descriptor_pool()
}

/// Writes down a frame with its length.
pub(crate) fn frame(files: &DescriptorPool, mut bytes: &[u8], out: &mut String) {
    let length = u32::from_le_bytes(*bytes.first_chunk().expect("a length"));
    line(&bytes[..4], 0, &format!("{length} bytes follow"), out);
    bytes = &bytes[4..];
    assert_eq!(bytes.len(), length as usize, "one frame");
    message(files, &files.get_message_by_name("stook.v1.Frame").expect("a frame"), bytes, 0, out);
}

fn message(files: &DescriptorPool, of: &MessageDescriptor, mut bytes: &[u8], depth: usize, out: &mut String) {
    while !bytes.is_empty() {
        let begin = bytes;
        let key = varint(&mut bytes);
        let field = of.get_field((key >> 3) as u32).expect("our own fields");
        match key & 7 {
            0 => {
                let value = varint(&mut bytes);
                let said = format!("{} = {}", field.name(), number(&field, value));
                line(&begin[..begin.len() - bytes.len()], depth, &said, out);
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("short");
                let head = &begin[..begin.len() - bytes.len()];
                let content;
                (content, bytes) = bytes.split_at(length);
                let inside = match field.kind() {
                    Kind::Message(inside) => Some((inside, format!("{}, {length} bytes:", field.name()))),
                    Kind::Bytes if ["payload", "value", "set"].contains(&field.name()) => {
                        let value = files.get_message_by_name("stook.v1.Value").expect("values");
                        Some((value, format!("{}, {length} bytes, a Value:", field.name())))
                    }
                    _ => None,
                };
                if let Some((inside, said)) = inside {
                    line(head, depth, &said, out);
                    message(files, &inside, content, depth + 1, out);
                } else {
                    let all = &begin[..head.len() + length];
                    line(all, depth, &format!("{} = {}", field.name(), text(&field, content)), out);
                }
            }
            other => panic!("wire type {other} is in no frame of this session"),
        }
    }
}

fn number(field: &FieldDescriptor, value: u64) -> String {
    match field.kind() {
        Kind::Bool => (value != 0).to_string(),
        Kind::Sint64 => ((value >> 1).cast_signed() ^ -(value & 1).cast_signed()).to_string(),
        Kind::Enum(words) => words.get_value(value as i32).expect("our own words").name().to_owned(),
        _ if field.name() == "lease" => format!("{value:#x}"),
        _ => value.to_string(),
    }
}

fn text(field: &FieldDescriptor, content: &[u8]) -> String {
    match field.kind() {
        Kind::String => format!("{:?}", std::str::from_utf8(content).expect("UTF-8")),
        // Numbers in a row.
        Kind::Uint32 => {
            let mut rest = content;
            let numbers: Vec<_> =
                std::iter::from_fn(|| (!rest.is_empty()).then(|| varint(&mut rest))).collect();
            format!("{numbers:?}")
        }
        _ => format!("{} bytes", content.len()),
    }
}

fn line(bytes: &[u8], depth: usize, said: &str, out: &mut String) {
    for (row, bytes) in bytes.chunks(ROW).enumerate() {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (indent, said) = if row == 0 { (2 * depth, said) } else { (0, "") };
        let text = format!("  {:width$}  {:indent$}{said}", hex.join(" "), "", width = 3 * ROW - 1);
        writeln!(out, "{}", text.trim_end()).expect("a string takes it");
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    prost::encoding::decode_varint(bytes).expect("our own bytes")
}
