//! The invariants of the house, checked on the source text: who imports whom, what pure code does not
//! touch, how long a file may be. docs/ARCHITECTURE.md has the same in words.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// A top-level module, and what it may import by name, besides what its layer may.
struct Room {
    name: &'static str,
    named: &'static [&'static str],
}

/// Rooms of one height. They may import all rooms of the first `below` layers.
struct Layer {
    rooms: &'static [Room],
    below: usize,
    /// Without tokio, sockets, clocks, files, environment or randomness.
    pure: bool,
}

const fn room(name: &'static str, named: &'static [&'static str]) -> Room {
    Room { name, named }
}

/// The whole house, from the ground up. Named rooms stand earlier in the table, so there is no circle.
const LAYERS: [Layer; 5] = [
    // Words.
    Layer {
        rooms: &[room("error", &[]), room("telemetry", &["error"]), room("tenant", &[]), room("wire", &[])],
        below: 0,
        pure: true,
    },
    // Judgement. The configuration holds the master key as auth has parsed it; guard and session read
    // their own part of the configuration.
    Layer {
        rooms: &[
            room("schedule", &["tenant"]),
            room("auth", &["tenant", "wire"]),
            room("config", &["tenant", "auth"]),
            room("guard", &["tenant", "config"]),
            room("session", &["guard", "wire", "tenant", "config"]),
            room("console", &["session", "wire", "config"]),
        ],
        below: 0,
        pure: true,
    },
    // Leaves of IO.
    Layer {
        rooms: &[
            room("net", &[]),
            room("server", &["net"]),
            room("registry", &["net"]),
            room("tokens", &["net"]),
        ],
        below: 2,
        pure: false,
    },
    // Engines.
    Layer {
        rooms: &[
            room("notify", &[]),
            room("pool", &["notify"]),
            room("client", &["pool", "notify"]),
            room("control", &[]),
        ],
        below: 3,
        pure: false,
    },
    // Faces.
    Layer {
        rooms: &[room("api", &[]), room("monitor", &["api"]), room("cli", &["api", "monitor"])],
        below: 4,
        pure: false,
    },
];

/// Words every room may use, except that they do not use each other beyond the table.
const EVERYBODY: [&str; 2] = ["error", "telemetry"];

/// What pure code does not name, and why not.
const IMPURE: [(&str, &str); 21] = [
    ("tokio", "a runtime"),
    ("socket2", "a socket"),
    ("TcpStream", "a socket"),
    ("TcpListener", "a socket"),
    ("UdpSocket", "a socket"),
    ("UnixStream", "a socket"),
    ("UnixListener", "a socket"),
    ("ToSocketAddrs", "a name server"),
    ("Instant::now", "a clock; time is an argument"),
    ("SystemTime", "a clock; time is an argument"),
    ("Uuid::new_v4", "randomness"),
    ("Uuid::now_v7", "randomness and a clock"),
    ("std::env", "the environment"),
    ("env::var", "the environment"),
    ("std::fs", "a file"),
    ("std::process", "a process"),
    ("libc::", "the operating system"),
    ("getrandom", "randomness; nonces are arguments"),
    ("rand::", "randomness; nonces are arguments"),
    ("OsRng", "randomness; nonces are arguments"),
    ("thread_rng", "randomness; nonces are arguments"),
];

/// Longest file, tests and blank ends not counted.
const MOST_LINES: usize = 600;

/// A file of `src`, without its tests and comments.
struct Source {
    path: PathBuf,
    /// The top-level module; `None` for `lib.rs` and `main.rs`.
    room: Option<String>,
    /// Modules between the crate's root and this file's own items.
    depth: usize,
    code: String,
    lines: usize,
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&src(), "rs", &mut files);
    assert!(files.len() > 10, "src was not found");
    files.iter().filter_map(|path| read(path)).collect()
}

fn collect(dir: &Path, end: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, end, files);
        } else if path.extension().is_some_and(|extension| extension == end) {
            files.push(path);
        }
    }
    files.sort();
}

/// `None` for a file that holds only tests.
fn read(path: &Path) -> Option<Source> {
    let inside = path.strip_prefix(src()).unwrap();
    let mut modules: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if modules.iter().any(|module| module == "tests") {
        return None;
    }
    modules.retain(|module| !matches!(module.as_str(), "mod" | "lib" | "main"));
    let text = without_tests(&fs::read_to_string(path).unwrap());
    Some(Source {
        path: inside.to_owned(),
        room: modules.first().cloned(),
        depth: modules.len(),
        lines: text.trim_end().lines().count(),
        code: without_comments(&text),
    })
}

/// Up to the tests, which stand at the foot of a file; a `mod tests;` for a file of its own goes too.
fn without_tests(text: &str) -> String {
    let text = text.replace("#[cfg(test)]\nmod tests;\n", "");
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}

fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split(" // ").next().unwrap_or_default().to_owned() + "\n";
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(code).collect()
}

/// Whether code names a word as a word of its own.
fn names(code: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let open = word.ends_with(':') || !code[at + word.len()..].starts_with(letter);
        open && !code[..at].ends_with(letter)
    })
}

/// The modules that code names by `crate::`.
fn edges(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("crate::").map(|(at, found)| {
        let rest = &code[at + found.len()..];
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
    })
}

/// The layer of a room, and the room.
fn find(name: &str) -> Option<(&'static Layer, &'static Room)> {
    LAYERS.iter().find_map(|layer| Some((layer, layer.rooms.iter().find(|room| room.name == name)?)))
}

fn may_import(name: &str, other: &str) -> bool {
    let Some((layer, room)) = find(name) else { return true };
    let below = || LAYERS[..layer.below].iter().flat_map(|layer| layer.rooms).any(|room| room.name == other);
    let words = EVERYBODY.contains(&other) && !EVERYBODY.contains(&name);
    name == other || words || room.named.contains(&other) || below()
}

/// Fails with everything that was found.
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn table_of_imports_has_no_circle() {
    let names: Vec<&str> = LAYERS.iter().flat_map(|layer| layer.rooms).map(|room| room.name).collect();
    for (row, room) in LAYERS.iter().flat_map(|layer| layer.rooms).enumerate() {
        for import in room.named {
            assert!(names[..row].contains(import), "{} imports {import}, which is not above it", room.name);
        }
    }
    for (row, layer) in LAYERS.iter().enumerate() {
        assert!(layer.below <= row, "a layer may import only those before it");
    }
}

#[test]
fn every_module_is_in_the_table() {
    let found: Vec<String> = sources()
        .iter()
        .filter_map(|source| source.room.clone())
        .filter(|name| find(name).is_none())
        .map(|name| format!("src/{name} is not in LAYERS of tests/architecture.rs"))
        .collect();
    none(&found);
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut found = Vec::new();
    for source in sources() {
        let Some(own) = source.room.as_deref() else { continue };
        for edge in edges(&source.code).filter(|edge| !may_import(own, edge)) {
            found.push(format!("src/{}: {own} must not import crate::{edge}", source.path.display()));
        }
    }
    none(&found);
}

#[test]
fn imports_are_written_so_that_they_can_be_seen() {
    let mut found = Vec::new();
    for source in sources() {
        let path = source.path.display();
        if source.code.contains("crate::{") {
            found.push(format!("src/{path}: write one `use crate::module::…` per module, not `crate::{{`"));
        }
        // `super` of a top-level module is the crate's root.
        let up = "super::".repeat(source.depth);
        if source.depth > 0 && source.code.contains(&up) {
            found.push(format!("src/{path}: `{up}` reaches the crate's root; write `crate::module::…`"));
        }
    }
    none(&found);
}

#[test]
fn pure_modules_touch_nothing_outside_the_program() {
    let mut found = Vec::new();
    for source in sources() {
        if !source.room.as_deref().and_then(find).is_some_and(|(layer, _)| layer.pure) {
            continue;
        }
        for (word, is) in IMPURE.iter().filter(|(word, _)| names(&source.code, word)) {
            found.push(format!("src/{}: pure code names `{word}`: {is}", source.path.display()));
        }
    }
    none(&found);
}

/// A clock that jumps changes no time limit: those are measured by the monotonic one.
#[test]
fn wall_clock_is_asked_for_tokens_certificates_and_what_people_are_shown_only() {
    const MAY_ASK: [&str; 6] = [
        "api/jobs/book.rs",
        "api/jobs/mod.rs",
        "client/overview.rs",
        "net/tls/files.rs",
        "tokens/file.rs",
        "tokens/mod.rs",
    ];
    let asks = |source: &Source| {
        let (path, code) = (source.path.to_string_lossy(), &source.code);
        names(code, "SystemTime") && !MAY_ASK.contains(&&*path)
    };
    let all = sources();
    none(&all.iter().filter(|one| asks(one)).map(|one| one.path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn crate_root_has_modules_and_no_re_exports() {
    let root = without_comments(&fs::read_to_string(src().join("lib.rs")).unwrap());
    assert!(!root.contains("pub use"), "src/lib.rs re-exports; write crate::module::Type where it is used");
    let main = without_comments(&fs::read_to_string(src().join("main.rs")).unwrap());
    for used in main.split("pgtenant::").skip(1) {
        assert!(
            used.starts_with("cli"),
            "src/main.rs should only call cli, not {}",
            used.lines().next().unwrap()
        );
    }
}

#[test]
fn files_are_short_enough_to_read_in_one_sitting() {
    let found: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > MOST_LINES)
        .map(|source| format!("src/{}: {} lines, at most {MOST_LINES}", source.path.display(), source.lines))
        .collect();
    none(&found);
}

#[test]
fn only_the_commands_use_anyhow() {
    let found: Vec<String> = sources()
        .iter()
        .filter(|source| source.room.as_deref() != Some("cli") && names(&source.code, "anyhow"))
        .map(|source| format!("src/{}: errors below src/cli are enums, not anyhow", source.path.display()))
        .collect();
    none(&found);
}

#[test]
fn every_sqlstate_says_in_its_comment_which_it_is() {
    let text = fs::read_to_string(src().join("error.rs")).unwrap();
    let mut count = 0;
    for (before, line) in text.lines().zip(text.lines().skip(1)) {
        let Some((_, code)) = line.split_once(": Self = Self(\"") else { continue };
        let code = code.trim_end_matches("\");");
        assert!(
            before.trim_start().starts_with(&format!("/// `{code}` ")),
            "{line}: the comment lacks `{code}`"
        );
        count += 1;
    }
    assert!(count > 10, "no SQLSTATE was found in src/error.rs");
}

/// Nearly all constraints are of no type, so PostgreSQL takes a column that is 0 nearly everywhere for one that finds nearly everything, and
/// reads the whole catalog: with 800 tenants that took a clone 11 seconds. Those of types are of no relation, which an index knows.
#[test]
fn constraints_of_types_are_looked_for_where_an_index_finds_them() {
    let mut files = Vec::new();
    collect(&src(), "sql", &mut files);
    assert!(files.len() > 10, "src was not found");
    let mut found = Vec::new();
    for path in &files {
        for (at, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
            let asks = line.contains("contypid =") || line.contains("contypid OPERATOR");
            if asks && !line.contains("conrelid") {
                found.push(format!("{}:{}: without `conrelid = 0`", path.display(), at + 1));
            }
        }
    }
    none(&found);
}

#[test]
fn checks_see_what_they_look_for() {
    assert!(may_import("server", "net") && may_import("guard", "telemetry") && may_import("cli", "pool"));
    assert!(
        !may_import("net", "server") && !may_import("guard", "wire") && !may_import("error", "telemetry")
    );
    assert!(!may_import("registry", "server") && !may_import("pool", "client") && !may_import("pool", "cli"));
    assert_eq!(edges("use crate::pool::Pool; crate::wire::x()").collect::<Vec<_>>(), ["pool", "wire"]);
    assert!(names("tokio::spawn(x)", "tokio") && names("let t = Instant::now();", "Instant::now"));
    assert!(!names("fn tokios()", "tokio") && !names("operand::x", "rand::"));
    assert!(names("use rand::Rng", "rand::"));
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod tests {\nc"), "a\nb\n");
    assert_eq!(without_comments("a\n  // tokio\nb // tokio\n"), "a\nb\n");
}
