//! What the documents and the files in `config/` say agrees with the code.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use pgtenant::config::file::{Input, SecretFile, read};
use pgtenant::config::keys::{Fallback, ROWS, Row};
use pgtenant::config::reload::effect;
use pgtenant::control::verify::CHECKS;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The configuration a text makes, as its debug text, which hides the key.
fn configuration(name: &str, text: &str, variables: &[(&str, &str)]) -> String {
    let environment: Vec<(OsString, OsString)> =
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let read_file = |path: &Path| match path.to_str() {
        Some("master.key") => Ok(SecretFile { text: KEY.to_owned().into(), mode: 0o600 }),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let input = Input { name, text, environment: &environment, read_file: &read_file };
    format!("{:#?}", read(&input).unwrap_or_else(|problems| panic!("{problems}")))
}

/// One key as the sample file shows it.
struct Shown {
    comment: String,
    value: String,
}

/// Reads a sample file: prose begins with `# `, a default with `#`, and keys stand in sections.
fn sample(text: &str) -> BTreeMap<String, Shown> {
    let (mut section, mut comment) = (String::new(), Vec::new());
    let mut keys = BTreeMap::new();
    for line in text.lines() {
        if let Some(prose) = line.strip_prefix("# ") {
            comment.push(prose);
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((name, value)) = line.trim_start_matches('#').split_once(" = ") {
            let shown = Shown { comment: comment.join(" "), value: value.to_owned() };
            assert!(keys.insert(format!("{section}.{name}"), shown).is_none(), "{section}.{name} twice");
            comment.clear();
        } else {
            comment.clear();
        }
    }
    keys
}

fn paths<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeSet<String> {
    rows.map(Row::path).collect()
}

#[test]
fn sample_file_has_every_key_with_its_sentence_and_default_and_nothing_else() {
    let keys = sample(&file("config/pgtenant.toml"));
    assert_eq!(keys.keys().cloned().collect::<BTreeSet<_>>(), paths(ROWS.iter().filter(|row| row.in_file())));
    for row in ROWS.iter().filter(|row| row.in_file()) {
        let shown = &keys[&row.path()];
        assert_eq!(shown.comment, row.doc, "the comment on {}", row.path());
        if let Fallback::Value(value) = row.fallback {
            assert_eq!(shown.value, value, "the default of {}", row.path());
        }
    }
}

#[test]
fn sample_file_makes_exactly_the_defaults_as_it_is_and_with_every_default_written_out() {
    let key = [("PGTENANT_MASTER_KEY", KEY)];
    let defaults = configuration("p.toml", "[server]\ndatabase = \"app\"\n", &key);
    let text = file("config/pgtenant.toml");
    assert_eq!(configuration("p.toml", &text, &key), defaults);
    let written_out: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(default) if !default.starts_with(' ') => format!("{default}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(written_out, text);
    assert_eq!(configuration("p.toml", &written_out, &[]), defaults);
}

#[test]
fn smaller_sample_files_are_valid() {
    configuration("minimal.toml", &file("config/minimal.toml"), &[]);
    configuration("docker.toml", &file("config/docker.toml"), &[("PGTENANT_MASTER_KEY", KEY)]);
}

#[test]
fn configuration_for_kubernetes_is_valid_and_its_pods_have_the_time_to_drain() {
    let text = file("deploy/kubernetes/pgtenant.yaml");
    let inside = text.lines().skip_while(|line| *line != "  pgtenant.toml: |").skip(1);
    let toml: String = inside
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let shown = configuration("pgtenant.toml", &toml, &[("PGTENANT_MASTER_KEY", KEY)]);
    let seconds = |key: &str| -> u64 {
        let (_, rest) = shown.split_once(&format!("{key}: ")).expect(key);
        rest.split_once("s,").unwrap().0.parse().unwrap()
    };
    let (_, rest) = text.split_once("terminationGracePeriodSeconds: ").unwrap();
    let grace: u64 = rest.lines().next().unwrap().parse().unwrap();
    assert!(seconds("drain_delay") > 0 && grace > seconds("drain_delay") + seconds("shutdown_timeout") + 10);
}

#[test]
fn units_of_systemd_name_what_the_program_has() {
    let unit = file("deploy/systemd/pgtenant.service");
    let variables = unit.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    for (variable, _) in variables {
        assert!(ROWS.iter().any(|row| row.variable() == variable), "{variable}");
    }
    assert!(unit.contains("ExecStart=/usr/local/bin/pgtenant serve --config "));
    let (_, rest) = unit.split_once("TimeoutStopSec=").unwrap();
    let stop: u64 = rest.split_once("s\n").unwrap().0.parse().unwrap();
    assert!(stop > 30 + 10, "more than listen.shutdown_timeout");
}

#[test]
fn configuration_page_has_every_key_and_nothing_else() {
    let text = file("docs/config.md");
    let headings: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("### `")?.strip_suffix('`')?.to_owned()))
        .collect();
    assert_eq!(headings, paths(ROWS.iter()));
    let index: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| [`")?.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(index, paths(ROWS.iter()));
}

#[test]
fn configuration_page_gives_type_default_and_variable_of_every_key() {
    let text = file("docs/config.md");
    for row in ROWS {
        let path = row.path();
        let (_, rest) = text.split_once(&format!("### `{path}`\n")).expect("a heading for each key");
        let part = rest.split("\n#").next().unwrap_or_default();
        let default = match row.fallback {
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Required => "none, required".to_owned(),
            Fallback::None => "none".to_owned(),
        };
        let lines = [
            format!("\nType: {}  \n", row.kind),
            format!("\nDefault: {default}  \n"),
            format!("\nEnvironment: `{}`", row.variable()),
        ];
        for line in lines {
            assert!(part.contains(&line), "docs/config.md on {path} lacks {line:?}, has {part}");
        }
        let anchor = path.replace('.', "");
        let effect = effect(row).expect("a rule for each key").as_str();
        let entry = format!("| [`{path}`](#{anchor}) | {} | {default} | {effect} |", row.kind);
        assert!(text.lines().any(|line| line == entry), "the index of docs/config.md lacks {entry}");
    }
}

/// Names of the packages in a section of `Cargo.toml`.
fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.into_iter().flat_map(toml::Table::keys).cloned().collect()
}

#[test]
fn every_direct_dependency_has_its_reason_and_no_other_is_listed() {
    let mut used = BTreeSet::new();
    for manifest in ["Cargo.toml", "crates/sqltree/Cargo.toml"] {
        let manifest: toml::Table = file(manifest).parse().expect("a manifest is TOML");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            used.append(&mut dependencies(&manifest, section));
        }
    }
    let text = file("docs/dependencies.md");
    let mut listed = BTreeSet::new();
    for line in text.lines() {
        let Some((name, reason)) = line.strip_prefix("- `").and_then(|rest| rest.split_once("`: ")) else {
            continue;
        };
        assert!(reason.split_whitespace().count() >= 3, "{name} needs a reason");
        assert!(listed.insert(name.to_owned()), "{name} is listed twice");
    }
    assert_eq!(listed, used);
}

#[test]
fn page_on_verify_has_every_check_with_its_severity_and_meaning_and_nothing_else() {
    let text = file("docs/verify.md");
    let headings: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let checks: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(headings, checks);
    for check in CHECKS {
        let line = format!("### `{}`\n\nSeverity: {}. {}\n", check.id, check.severity, check.means);
        assert!(text.contains(&line), "docs/verify.md lacks {line}");
    }
}
