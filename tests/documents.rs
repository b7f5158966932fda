//! What the documents and the files in `config/` say agrees with the code.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use pgtenant::config::file::{Input, SecretFile, read};
use pgtenant::config::keys::{Fallback, ROWS, Row};
use pgtenant::config::reload::effect;
use pgtenant::control::verify::CHECKS;
use pgtenant::monitor::catalog::{FAMILIES, Kind};

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
    assert_pods_have_the_time_to_drain("deploy/kubernetes/pgtenant.yaml", "  pgtenant.toml: |");
    assert_pods_have_the_time_to_drain("deploy/helm/pgtenant/values.yaml", "config: |");
}

/// The configuration stands, indented, behind this line.
fn assert_pods_have_the_time_to_drain(path: &str, before: &str) {
    let text = file(path);
    let indent = before.len() - before.trim_start().len() + 2;
    let inside = text.lines().skip_while(|line| *line != before).skip(1);
    let toml: String = inside
        .take_while(|line| line.is_empty() || line.starts_with(&" ".repeat(indent)))
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
    // A server that is away at the start must not end it for good.
    assert!(unit.contains("\nStartLimitIntervalSec=0\n"));
    // A socket of the socket unit may be in it, and would go with it.
    assert!(!unit.contains("RuntimeDirectory="));
    let socket = file("deploy/systemd/pgtenant.socket");
    assert!(socket.contains("\nListenStream=127.0.0.1:6432\n"), "the default of listen.addresses");
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

/// The two numbers of a version of Rust.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
    (parts.next().expect("a number"), parts.next().unwrap_or(0))
}

/// Standard output of cargo or rustc.
fn toolchain(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(Path::new(env!("CARGO")).with_file_name(program));
    let output = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect(program);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What it uses of Rust itself, clippy compares with `rust-version` (`incompatible_msrv`).
#[test]
fn rust_version_is_no_older_than_any_dependency_needs() {
    let about = toolchain("rustc", &["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    // Of other systems not everything is here.
    let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
    let all: serde_json::Value =
        serde_json::from_str(&toolchain("cargo", &arguments)).expect("cargo writes JSON");
    let manifest: toml::Table = file("Cargo.toml").parse().expect("a manifest is TOML");
    let own = version(manifest["package"]["rust-version"].as_str().expect("a version"));
    for package in all["packages"].as_array().expect("a list") {
        if let Some(needed) = package["rust_version"].as_str() {
            assert!(version(needed) <= own, "{} needs Rust {needed}", package["name"]);
        }
    }
}

#[test]
fn oldest_rust_is_the_same_wherever_it_is_named() {
    let manifest: toml::Table = file("Cargo.toml").parse().expect("a manifest is TOML");
    let own = manifest["package"]["rust-version"].as_str().expect("a version");
    for (path, words) in [
        ("README.md", format!("[Rust](https://rustup.rs) {own} or newer")),
        ("docs/CONTRIBUTING.md", format!("Rust {own} builds it")),
        ("crates/sqltree/Cargo.toml", format!("rust-version = \"{own}\"")),
    ] {
        assert!(file(path).contains(&words), "{path} does not say: {words}");
    }
    // The job reads the version from the manifest.
    let job = file(".github/workflows/ci.yml");
    assert!(
        job.contains("sed -n 's/^rust-version = ")
            && job.contains("cargo check --workspace --all-targets --locked")
    );
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

#[test]
fn page_on_metrics_has_every_metric_with_type_labels_and_meaning_and_nothing_else() {
    let text = file("docs/metrics.md");
    let shown: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `pgtenant_") || line.starts_with("| `process_"))
        .collect();
    let known: Vec<String> = FAMILIES
        .iter()
        .map(|family| {
            let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            format!(
                "| `{}` | {} | {} | {} |",
                family.name,
                family.kind.as_str(),
                labels.join(", "),
                family.help
            )
        })
        .collect();
    assert_eq!(shown, known);
}

/// Every word of a query that looks like one of our metrics, and every label that it names.
fn words_of(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // Values of labels are no words of the query.
    let without_values: String = query.split('"').step_by(2).collect();
    let metrics = without_values
        .split(|c| !letter(c))
        .filter(|word| word.starts_with("pgtenant_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect();
    let inside = |open: &'static str, close: char| {
        let parts: Vec<String> = without_values
            .split(open)
            .skip(1)
            .flat_map(|rest| {
                rest.split(close).next().unwrap_or_default().split(',').map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        parts
    };
    let mut labels = BTreeSet::new();
    for part in inside("{", '}').into_iter().chain(inside("by (", ')')).chain(inside("on (", ')')) {
        labels.insert(part.trim().chars().take_while(|c| letter(*c)).collect::<String>());
    }
    labels.remove("");
    (metrics, labels)
}

fn assert_only_what_there_is(name: &str, queries: &[String]) {
    assert!(queries.len() > 10, "{name}: few queries were found");
    let mut known: BTreeSet<String> = FAMILIES
        .iter()
        .filter(|family| family.kind != Kind::Histogram)
        .map(|family| family.name.to_owned())
        .collect();
    for family in FAMILIES.iter().filter(|family| family.kind == Kind::Histogram) {
        known.extend(["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", family.name)));
    }
    let mut labels: BTreeSet<String> = ["instance", "job", "le"].map(str::to_owned).into();
    labels.extend(FAMILIES.iter().flat_map(|family| family.labels).map(|label| (*label).to_owned()));
    for query in queries {
        let (metrics, named) = words_of(query);
        assert!(metrics.is_subset(&known), "{name}: {query} asks for {:?}", metrics.difference(&known));
        assert!(named.is_subset(&labels), "{name}: {query} names {:?}", named.difference(&labels));
    }
}

#[test]
fn words_of_a_query_are_found() {
    let (metrics, labels) = words_of(
        "sum by (le, tenant) (rate(pgtenant_x_bucket{a=~\"pgtenant_no\",b!=\"by (c)\"}[5m])) / on (d) process_y",
    );
    assert_eq!(metrics.into_iter().collect::<Vec<_>>(), ["pgtenant_x_bucket", "process_y"]);
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["a", "b", "d", "le", "tenant"]);
}

#[test]
fn dashboard_of_grafana_can_be_imported_and_asks_only_for_metrics_that_there_are() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&file("deploy/grafana/pgtenant.json")).expect("JSON");
    assert!(dashboard["title"].is_string() && dashboard["uid"].is_string());
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    assert_eq!(variables[0]["type"], "datasource", "the data source is chosen where it is imported");
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut taken, mut queries) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "an id twice: {}", panel["title"]);
        let place =
            |key: &str| panel["gridPos"][key].as_u64().unwrap_or_else(|| panic!("{}: {key}", panel["title"]));
        assert!(place("x") + place("w") <= 24, "{} is too wide", panel["title"]);
        for y in place("y")..place("y") + place("h") {
            for x in place("x")..place("x") + place("w") {
                assert!(taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{} asks for nothing", panel["title"]);
        queries.extend(targets.iter().map(|target| target["expr"].as_str().expect("a query").to_owned()));
    }
    assert_only_what_there_is("deploy/grafana/pgtenant.json", &queries);
}

#[test]
fn alerts_ask_only_for_metrics_that_there_are_and_say_what_to_do() {
    let text = file("deploy/prometheus/alerts.yml");
    let queries: Vec<String> =
        text.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect();
    assert_only_what_there_is("deploy/prometheus/alerts.yml", &queries);
    let count = |word: &str| text.lines().filter(|line| line.trim().starts_with(word)).count();
    for word in ["- alert:", "summary:", "description:", "labels:"] {
        assert_eq!(count(word), queries.len(), "{word}");
    }
}
