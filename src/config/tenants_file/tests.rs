use super::*;
use crate::auth::MasterKey;

/// The verifier that PostgreSQL 15 made of "pencil".
const VERIFIER: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn parse(text: &str) -> Result<TenantsFile, String> {
    let shown = |mistake: &Mistake| {
        format!("{:?} {}: {} ({})", mistake.line, mistake.key, mistake.wrong, mistake.remedy)
    };
    let text = text.replace("VERIFIER", &format!("verifier = {VERIFIER:?}"));
    read(Path::new("tenants.toml"), &text)
        .map_err(|mistakes| mistakes.iter().map(shown).collect::<Vec<_>>().join("\n"))
}

#[test]
fn tenant_has_the_usual_names_unless_it_says_otherwise() {
    let file = parse(
        "[tenants.acme]\nusers.acme_app = { VERIFIER }\n\
         [tenants.globex]\nname = \"Globex Corporation\"\nschema = \"Globex\"\nrole = \"globex_login\"\nreader_role = \"globex_reader\"\n\
         limits = { max_server_connections = 5, statement_timeout = \"30s\" }\nsettings = { TimeZone = \"UTC\", work_mem = 4096 }\n\
         [tenants.globex.users]\nglobex = { VERIFIER }\nreport = { VERIFIER, access = \"read_only\" }\n",
    )
    .unwrap();
    let [acme, globex] = file.tenants.as_slice() else { panic!("{file:?}") };
    assert_eq!((acme.names.schema.as_str(), acme.names.role.as_str()), ("tenant_acme", "tenant_acme"));
    assert_eq!((acme.name.as_str(), acme.password_version, &acme.reader_role), ("acme", 1, &None));
    assert_eq!((globex.names.schema.as_str(), globex.names.role.as_str()), ("Globex", "globex_login"));
    assert_eq!(globex.limits.max_server_connections, Some(5));
    assert_eq!(globex.settings.get("work_mem").map(String::as_str), Some("4096"));
    let access: Vec<_> = globex.users.iter().map(|user| (user.name.as_str(), user.access)).collect();
    assert_eq!(access, [("globex", Access::ReadWrite), ("report", Access::ReadOnly)]);
}

#[test]
fn id_comes_from_the_slug_and_may_be_another() {
    let given = "0190a3c4-0000-7000-8000-000000000001";
    let file = parse(&format!("[tenants.a]\n[tenants.b]\nid = \"{given}\"\n")).unwrap();
    assert_eq!(file.tenants[0].id, id_of(&Slug::parse("a").unwrap()));
    assert_eq!(file.tenants[0].id.to_string(), "064a6896-357c-8da1-a101-6d54a48933a6");
    assert_eq!(file.tenants[1].id.to_string(), given);
    // The password on the server depends on it.
    let key = MasterKey::parse(&"ab".repeat(32)).unwrap();
    assert_ne!(key.channel_prefix(file.tenants[0].id), key.channel_prefix(file.tenants[1].id));
}

#[test]
fn everything_wrong_is_said_at_once_and_no_verifier_is_shown() {
    let error = parse(
        "[tenants.Acme]\n[tenants.b]\nrole = \"pg_monitor\"\nschema = \"public\"\nname = \"\"\npassword_version = 0\n\
         limits = { max_pies = 1 }\nsettings = { search_path = \"public\" }\n\
         [tenants.b.users]\nx = { verifier = \"md5secretsecret\" }\ny = { VERIFIER, access = \"admin\" }\nz = { VERIFIER, access = \"read_only\" }\n",
    )
    .unwrap_err();
    for part in [
        "tenants.Acme",
        "b.role",
        "b.schema",
        "b.name",
        "b.password_version",
        "b.limits",
        "b.settings",
        "users.x.verifier",
        "users.y.access",
        "b.reader_role",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains("secretsecret") && !error.contains("WG5d8oPm"), "{error}");
}

#[test]
fn tenants_that_share_a_schema_a_role_or_a_user_are_refused() {
    for (text, key) in [
        ("[tenants.a]\nschema = \"s\"\n[tenants.b]\nschema = \"s\"\n", "tenants.b.schema"),
        ("[tenants.a]\nrole = \"r\"\n[tenants.b]\nrole = \"r\"\n", "tenants.b.role"),
        ("[tenants.a]\nrole = \"r\"\n[tenants.b]\nreader_role = \"r\"\n", "tenants.b.reader_role"),
        ("[tenants.a]\nrole = \"r\"\nreader_role = \"r\"\n", "tenants.a.reader_role"),
        ("[tenants.a]\nusers.u = { VERIFIER }\n[tenants.b]\nusers.u = { VERIFIER }\n", "tenants.b.users"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(key) && error.contains("already"), "{error}");
    }
}

#[test]
fn file_that_is_no_toml_or_has_unknown_keys_names_the_line_without_what_stands_there() {
    for (text, line) in [
        ("[tenants.a]\nusers.u = { verifier = \"SCRAM-SHA-256$secret }\n", 2),
        ("[tenants.a]\nusers.u = { verifier = 5, secret = 1 }\n", 2),
        ("[tenants.a]\nschemes = \"x\"\n", 2),
        ("tenant = 5\n", 1),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(&format!("Some({line})")) && !error.contains("$secret"), "{error}");
    }
    assert!(parse("").unwrap_err().contains("there is no tenant"));
}
