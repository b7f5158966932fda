//! What is sent in the place of a statement.

use super::*;

/// Texts, and what is sent for them at level `dedicated`, with `@` for the prefix of the tenant's channels.
const CHANNELS: &[(&str, &str)] = &[
    ("listen News", "LISTEN \"@:news\""),
    ("LISTEN \"a\"\"b\"", "LISTEN \"@:a\"\"b\""),
    ("SELECT 1; unlisten a ;SELECT 2", "SELECT 1; UNLISTEN \"@:a\" ;SELECT 2"),
    ("NOTIFY a, E'it''s\\n'", "NOTIFY \"@:a\", 'it''s\n'"),
    ("notify a, ''; /* c */ notify b", "NOTIFY \"@:a\"; /* c */ NOTIFY \"@:b\""),
    ("SELECT 'é', pg_notify('a', 'b')", "SELECT 'é', pgtenant_notify.pg_notify('a', 'b')"),
    (
        "SELECT pg_catalog /* x */ . \"pg_notify\"('a', b), PG_NOTIFY(c, d) FROM t",
        "SELECT pgtenant_notify.pg_notify('a', b), pgtenant_notify.pg_notify(c, d) FROM t",
    ),
    (
        "BEGIN; NOTIFY a; SELECT pg_notify('a', '')",
        "BEGIN; NOTIFY \"@:a\"; SELECT pgtenant_notify.pg_notify('a', '')",
    ),
    (
        "EXPLAIN ANALYZE SELECT pg_notify('a', '')",
        "EXPLAIN ANALYZE SELECT pgtenant_notify.pg_notify('a', '')",
    ),
    // What is kept stays as it is, and so does another function of that name.
    ("CREATE VIEW v AS SELECT pg_notify('a', '')", ""),
    ("SELECT tenant_alpha.pg_notify('a', '')", ""),
    ("SELECT U&\"pg_notify\"('a', '')", ""),
    ("UNLISTEN *", ""),
];

#[test]
fn channels_are_the_tenant_s_own_in_what_is_sent() {
    for (text, sent) in CHANNELS {
        let Verdict::Allow(allowed) = guard().judge(text, &scope()) else { panic!("{text}") };
        let prefix = "ab".repeat(12);
        assert_eq!(allowed.rewritten.as_deref().unwrap_or_default(), sent.replace('@', &prefix), "{text}");
    }
    let long = "é".repeat(40);
    let Verdict::Allow(allowed) = guard().judge(&format!("LISTEN {long}"), &scope()) else { panic!() };
    assert_eq!(allowed.effects.listens[..], [Box::from("é".repeat(31))]);
    let name = scope().channels.name(&allowed.effects.listens[0]);
    assert_eq!(allowed.rewritten.unwrap().as_ref(), format!("LISTEN \"{name}\""));
}

fn sent_in_place(text: &str, scope: &Scope) -> Option<String> {
    match guard().judge(text, scope) {
        Verdict::Allow(allowed) => allowed.rewritten.map(|text| text.to_string()),
        Verdict::Deny(denial) => panic!("{text}: {denial:?}"),
    }
}

#[test]
fn do_block_is_rewritten_at_level_shared_only() {
    let [dedicated, hardened, _] = levels();
    for text in ["DO 'BEGIN END'", "DO LANGUAGE plpgsql $$BEGIN END$$", "  /* x */ DO 'BEGIN END' ;"] {
        assert_eq!(sent_in_place(text, &dedicated), None);
        let sent = sent_in_place(text, &hardened).unwrap();
        assert!(sent.contains("SECURITY DEFINER AS $pgtenant_body$BEGIN END$pgtenant_body$"), "{sent}");
    }
    assert_eq!(sent_in_place("SELECT 'DO $$BEGIN END$$'", &hardened), None);
}

#[test]
fn do_block_among_other_statements_leaves_them_as_they_are() {
    let sent =
        sent_in_place("SELECT 'é'; DO 'BEGIN END'; SELECT 2; DO 'BEGIN NULL; END'", &levels()[1]).unwrap();
    assert!(sent.starts_with("SELECT 'é'; DO $pgtenant_do$BEGIN CREATE"), "{sent}");
    assert!(sent.contains("plpgsql; SELECT 2; DO $pgtenant_do$BEGIN"), "{sent}");
    assert_eq!(sent.matches("SECURITY DEFINER").count(), 2);
}

#[test]
fn own_schema_that_is_to_be_there_is_answered_with_the_notice_at_every_level() {
    for scope in levels() {
        let sent = sent_in_place("SELECT 1; CREATE SCHEMA IF NOT EXISTS Tenant_Alpha ;", &scope).unwrap();
        assert_eq!(
            sent,
            "SELECT 1; DO $pgtenant_do$BEGIN RAISE NOTICE USING ERRCODE = 'duplicate_schema', \
             MESSAGE = 'schema \"tenant_alpha\" already exists, skipping'; END$pgtenant_do$ LANGUAGE plpgsql ;"
        );
        assert_eq!(effects(&sent).statements, 2);
    }
}

#[test]
fn set_role_of_the_own_role_changes_nothing_and_any_other_is_refused() {
    let [dedicated, hardened, unhardened] = levels();
    for (text, sent) in [
        ("SET ROLE 'tenant_alpha'", "SET ROLE NONE"),
        ("SET SESSION \"RoLe\" = Tenant_Alpha", "SET ROLE NONE"),
        ("SET LOCAL ROLE tenant_alpha", "SET LOCAL ROLE NONE"),
    ] {
        assert_eq!(sent_in_place(text, &dedicated).as_deref(), Some(sent), "{text}");
        let found: Vec<_> = effects(text).iter().collect();
        assert!(found.is_empty(), "{text}: {found:?}");
        for shared in [&hardened, &unhardened] {
            assert!(matches!(guard().judge(text, shared), Verdict::Deny(_)), "{text}");
        }
    }
    for text in [
        "SET ROLE tenant_beta",
        "SET ROLE 'TENANT_ALPHA'",
        "SET ROLE U&'\\0074enant_beta'",
        "SET LOCAL ROLE global",
    ] {
        assert_eq!(verdict(text), "role_change", "{text}");
    }
}

/// The function's body inside the rewritten text, as PostgreSQL reads it.
fn body_inside(sent: &str) -> String {
    let string_after = |text: &str, from: &str| {
        let tail = &text[text.find(from).unwrap() + from.len()..];
        let tag_end = tail[1..].find('$').unwrap() + 2;
        let (tag, quoted) = tail.split_at(tag_end);
        quoted[..quoted.find(tag).unwrap()].to_owned()
    };
    string_after(&string_after(sent, "DO "), "SECURITY DEFINER AS ")
}

proptest! {
    #[test]
    fn body_of_a_do_block_can_not_end_its_quotes(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "$", "pgtenant_body", "pgtenant_do", "_1x", "$pgtenant_do$", "$pgtenant_body$", "'", "é", "; END", "x",
            ]),
            0..12,
        )
    ) {
        let body = pieces.concat();
        let sent = sent_in_place(&format!("DO '{}'", body.replace('\'', "''")), &levels()[1]).unwrap();
        prop_assert_eq!(body_inside(&sent), body);
        // What is sent is one DO block for the parser too, and nothing behind it.
        prop_assert_eq!(effects(&sent).statements, 1);
    }
}

#[test]
fn what_tools_wrote_for_public_passes_where_public_means_the_tenants_schema() {
    let own = Scope { public_is_own: true, ..scope() };
    let mut tried = 0;
    for entry in fs::read_dir("tests/corpus/guard/deny").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let tools = ["drizzle", "kysely-pg-migrate", "mikro-orm", "prisma", "sequelize"];
        let text = fs::read_to_string(&path).unwrap();
        if !tools.iter().any(|tool| name.contains(tool)) || !text.contains("public") {
            continue;
        }
        tried += 1;
        let Verdict::Allow(allowed) = guard().judge(&text, &own) else { panic!("{name} is refused") };
        assert!(allowed.rewritten.unwrap().contains("\"tenant_alpha\""), "{name}");
    }
    assert!(tried > 10, "{tried}");
}
