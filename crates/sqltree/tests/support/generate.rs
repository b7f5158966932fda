//! Makes `src/table.rs` from libpg_query's `pg_query.proto`.
//!
//! Reads just what that file uses of the language: messages with fields and oneofs, and enumerations.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Message {
    name: String,
    fields: Vec<Field>,
}

struct Field {
    number: u32,
    name: String,
    kind: String,
    repeated: bool,
}

/// The platform that is built for.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc tells its host").to_owned()
}

/// Where cargo unpacked the `pg_query` crate this build uses.
fn crate_dir() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(manifest)
        // What only other platforms need was never downloaded.
        .args(["--filter-platform", &host()])
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let package = metadata["packages"]
        .as_array()
        .and_then(|all| all.iter().find(|package| package["name"] == "pg_query"))
        .expect("pg_query is a dependency");
    Path::new(package["manifest_path"].as_str().expect("a path")).parent().expect("a directory").to_owned()
}

/// The text of `src/table.rs` for the `pg_query` crate in use.
pub(crate) fn table() -> String {
    let path = crate_dir().join("libpg_query/protobuf/pg_query.proto");
    let proto = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (messages, enums) = read(&proto);
    write(&messages, &enums)
}

fn read(proto: &str) -> (Vec<Message>, BTreeSet<String>) {
    let mut messages: Vec<Message> = Vec::new();
    let mut enums = BTreeSet::new();
    let mut in_enum = false;
    for line in proto.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["message", name, ..] => {
                in_enum = false;
                messages.push(Message { name: (*name).into(), fields: Vec::new() });
            }
            ["enum", name, ..] => {
                in_enum = true;
                enums.insert((*name).to_owned());
            }
            _ if in_enum => {}
            ["repeated", kind, name, "=", number, ..] => push(&mut messages, kind, name, number, true),
            [kind, name, "=", number, ..] if *kind != "syntax" => {
                push(&mut messages, kind, name, number, false)
            }
            _ => {}
        }
    }
    (messages, enums)
}

fn push(messages: &mut [Message], kind: &str, name: &str, number: &str, repeated: bool) {
    let Some(message) = messages.last_mut() else { return };
    let number = number.trim_end_matches(';').parse().expect("a field number");
    message.fields.push(Field { number, name: name.into(), kind: kind.into(), repeated });
}

fn variant(name: &str) -> String {
    name.replace('_', "")
}

/// Module names are those of the fields of `Node`; the few messages outside it get the same style.
fn modules(messages: &[Message]) -> HashMap<String, String> {
    let node = messages.iter().find(|message| message.name == "Node").expect("Node is defined");
    let mut names: HashMap<String, String> =
        node.fields.iter().map(|field| (field.kind.clone(), field.name.clone())).collect();
    for message in messages {
        names.entry(message.name.clone()).or_insert_with(|| {
            let mut snake = String::new();
            for (at, letter) in message.name.chars().enumerate() {
                if letter.is_ascii_uppercase() && at > 0 {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            snake
        });
    }
    names
}

fn shape(kind: &str, messages: &[Message], enums: &BTreeSet<String>) -> String {
    match kind {
        "int32" | "int64" | "uint32" | "uint64" | "bool" => "Shape::Number".into(),
        "double" => "Shape::Double".into(),
        "string" => "Shape::Text".into(),
        other if enums.contains(other) => "Shape::Number".into(),
        other => {
            assert!(messages.iter().any(|message| message.name == other), "unknown type {other}");
            format!("Shape::Message(Kind::{})", variant(other))
        }
    }
}

const HEAD: &str = "//! Generated from libpg_query's `pg_query.proto` by `cargo run --example generate_table`. Do not edit.

/// How a field is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Number,
    Double,
    Text,
    Message(Kind),
}

/// One field of a kind of message.
#[derive(Debug)]
pub(crate) struct FieldInfo {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) repeated: bool,
}

const fn f(number: u32, name: &'static str, shape: Shape, repeated: bool) -> FieldInfo {
    FieldInfo { number, name, shape, repeated }
}

/// The definition of a field, if the kind has it.
pub(crate) fn lookup(kind: Kind, number: u32) -> Option<&'static FieldInfo> {
    let fields = FIELDS[kind as usize];
    let guess = fields.get((number as usize).wrapping_sub(1));
    guess.filter(|field| field.number == number).or_else(|| fields.iter().find(|field| field.number == number))
}

impl Kind {
    /// Its name in PostgreSQL's sources.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// Whether it has a field that is a list of nodes.
    #[must_use]
    pub const fn has_lists(self) -> bool {
        LISTS[self as usize]
    }
}
";

fn write(messages: &[Message], enums: &BTreeSet<String>) -> String {
    let modules = modules(messages);
    let mut out = String::from(HEAD);
    out.push_str("\n/// A kind of message in the tree, named as PostgreSQL names its structure.\n");
    out.push_str("#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[repr(u16)]\npub enum Kind {\n");
    for message in messages {
        writeln!(out, "    {},", variant(&message.name)).expect("a string");
    }
    out.push_str("}\n\nimpl Kind {\n    /// Every kind.\n    pub const ALL: &'static [Self] = &[\n");
    for message in messages {
        writeln!(out, "        Self::{},", variant(&message.name)).expect("a string");
    }
    out.push_str("    ];\n}\n\nconst NAMES: &[&str] = &[\n");
    for message in messages {
        writeln!(out, "    {:?},", message.name).expect("a string");
    }
    out.push_str("];\n\nconst LISTS: &[bool] = &[\n");
    for message in messages {
        let lists = message.fields.iter().any(|field| field.repeated && field.kind == "Node");
        writeln!(out, "    {lists},").expect("a string");
    }
    out.push_str("];\n\nconst FIELDS: &[&[FieldInfo]] = &[\n");
    for message in messages {
        writeln!(out, "    &[").expect("a string");
        for field in &message.fields {
            let shape = shape(&field.kind, messages, enums);
            writeln!(out, "        f({}, {:?}, {shape}, {}),", field.number, field.name, field.repeated)
                .expect("a string");
        }
        writeln!(out, "    ],").expect("a string");
    }
    out.push_str("];\n\n/// Field numbers, by message.\npub mod field {\n");
    for message in messages.iter().filter(|message| message.name != "Node") {
        writeln!(out, "    pub mod {} {{", modules[&message.name]).expect("a string");
        for field in &message.fields {
            writeln!(out, "        pub const {}: u32 = {};", field.name.to_ascii_uppercase(), field.number)
                .expect("a string");
        }
        writeln!(out, "    }}").expect("a string");
    }
    out.push_str("}\n");
    out
}
