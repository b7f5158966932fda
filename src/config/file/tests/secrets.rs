//! The master key and where it comes from.

use super::*;

#[test]
fn master_key_in_the_file_is_refused_and_not_shown() {
    let found = problem(&format!("[secrets]\nmaster_key = \"{KEY}\"\n"));
    assert!(
        found.starts_with("etc/p.toml:2: secrets.master_key: the master key must not stand in this file\n")
    );
    assert!(found.contains("secrets.master_key_file"), "{found}");
    assert!(found.contains("PGTENANT_MASTER_KEY"), "{found}");
    assert!(!found.contains(&KEY[..8]), "{found}");
}

fn key_problem(entry: &str, mode: u32, key: &str) -> String {
    let text = format!("[server]\ndatabase = \"app\"\n[secrets]\nmaster_key_file = \"{entry}\"\n");
    let found = read_with(&text, &[], mode, key).unwrap_err().to_string();
    assert!(found.starts_with("etc/p.toml:4: secrets.master_key_file: "), "{found}");
    assert!(!found.contains(&KEY[..8]), "{found}");
    found
}

#[test]
fn key_file_others_may_read_or_write_is_refused() {
    for mode in [0o640, 0o620, 0o604, 0o602, 0o100_666] {
        let found = key_problem("master.key", mode, KEY);
        assert!(found.contains("others can read or write etc/master.key (mode 6"), "{found}");
        assert!(found.contains("run: chmod 600 etc/master.key"), "{found}");
    }
}

#[test]
fn key_file_that_is_missing_closed_or_no_key_is_refused_and_not_shown() {
    assert!(key_problem("gone.key", 0o600, KEY).contains("openssl rand -hex 32 > etc/gone.key"));
    assert!(key_problem("closed.key", 0o600, KEY).contains("change its owner"));
    assert!(key_problem("master.key", 0o600, "xyz").contains("hexadecimal"));
    assert!(key_problem("master.key", 0o600, &KEY[..32]).contains("at least 32 bytes"));
    assert!(key_problem(KEY, 0o600, KEY).contains("looks like a key"));
}

#[test]
fn master_key_in_the_environment_goes_before_the_file() {
    let text = "[server]\ndatabase = \"app\"\n[secrets]\nmaster_key_file = \"gone.key\"\n";
    for name in ["PGTENANT_MASTER_KEY", "PGTENANT_SECRETS_MASTER_KEY"] {
        assert!(read_with(text, &[(name, KEY)], 0o600, KEY).is_ok());
        let found = read_with(text, &[(name, "12")], 0o600, KEY).unwrap_err().to_string();
        assert!(found.starts_with(&format!("environment variable {name}: secrets.master_key: ")), "{found}");
    }
    let both = [("PGTENANT_MASTER_KEY", KEY), ("PGTENANT_SECRETS_MASTER_KEY", KEY)];
    let found = read_with(text, &both, 0o600, KEY).unwrap_err().to_string();
    assert!(found.contains("unset PGTENANT_MASTER_KEY or PGTENANT_SECRETS_MASTER_KEY"), "{found}");
}

#[test]
fn previous_master_key_comes_from_a_file_or_the_environment_as_the_master_key_does() {
    let previous = |config: Config| config.secrets.previous_master_key.map(|key| key.mark().to_string());
    let old = MasterKey::parse(OLD_KEY).unwrap().mark().to_string();
    assert_eq!(previous(parse("")), None);
    assert_eq!(previous(parse("[secrets]\nprevious_master_key_file = \"off\"\n")), None);
    let file = "[secrets]\nprevious_master_key_file = \"old.key\"\n";
    assert_eq!(previous(parse(file)), Some(old.clone()));
    for name in ["PGTENANT_PREVIOUS_MASTER_KEY", "PGTENANT_SECRETS_PREVIOUS_MASTER_KEY"] {
        let config = parse_with("[secrets]\nprevious_master_key_file = \"gone.key\"\n", &[(name, OLD_KEY)]);
        assert_eq!(previous(config.unwrap()), Some(old.clone()));
        let found = parse_with("", &[(name, "12")]).unwrap_err().to_string();
        let begins = format!("environment variable {name}: secrets.previous_master_key: ");
        assert!(found.starts_with(&begins), "{found}");
    }
    let both = [("PGTENANT_PREVIOUS_MASTER_KEY", KEY), ("PGTENANT_SECRETS_PREVIOUS_MASTER_KEY", KEY)];
    assert!(parse_with("", &both).unwrap_err().to_string().contains("is set too"));
}

#[test]
fn previous_master_key_that_is_the_master_key_missing_open_to_others_or_in_the_file_is_refused() {
    let line = |entry: &str| format!("[secrets]\nprevious_master_key_file = \"{entry}\"\n");
    let found = problem(&line("master.key"));
    assert!(
        found.starts_with("etc/p.toml:2: secrets.previous_master_key_file: this is the master key too\n")
    );
    assert!(found.contains("unset this"), "{found}");
    let variable = [("PGTENANT_PREVIOUS_MASTER_KEY", KEY)];
    let found = parse_with("", &variable).unwrap_err().to_string();
    assert!(found.starts_with("environment variable PGTENANT_PREVIOUS_MASTER_KEY: "), "{found}");
    assert!(problem(&line("gone.key")).contains("correct the path; where no key is being replaced"));
    assert!(problem(&line(OLD_KEY)).contains("looks like a key"));
    let required = [("PGTENANT_SERVER_DATABASE", "app"), ("PGTENANT_MASTER_KEY", KEY)];
    let found = read_with(&line("old.key"), &required, 0o640, KEY).unwrap_err().to_string();
    assert!(found.contains("run: chmod 600 etc/old.key"), "{found}");
    let found = problem(&format!("[secrets]\nprevious_master_key = \"{OLD_KEY}\"\n"));
    assert!(
        found.contains("`secrets.previous_master_key_file`, or set PGTENANT_PREVIOUS_MASTER_KEY"),
        "{found}"
    );
    assert!(!found.contains(&OLD_KEY[..8]), "{found}");
}

#[test]
fn key_file_named_by_a_variable_is_not_relative_to_the_configuration_file() {
    let set = |path| [("PGTENANT_SECRETS_MASTER_KEY_FILE", path), ("PGTENANT_SERVER_DATABASE", "app")];
    assert!(read_with("", &set("etc/master.key"), 0o600, KEY).is_ok());
    assert!(read_with("", &set("master.key"), 0o600, KEY).is_err());
}

#[test]
fn configuration_never_shows_its_key() {
    let shown = format!("{:?}", parse(""));
    assert!(!shown.contains(&KEY[..8]), "{shown}");
}
