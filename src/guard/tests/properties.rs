//! A schema of somebody else is refused wherever and however it is named.

use super::*;

/// Ways to name a table of a schema; `{}` is the schema, as an identifier.
const PLACES: [&str; 24] = [
    "SELECT * FROM {}.t",
    "SELECT (SELECT a FROM {}.t) + 1",
    "WITH x AS (SELECT * FROM {}.t) SELECT 1",
    "INSERT INTO {}.t VALUES (1)",
    "UPDATE a SET b = (SELECT 1 FROM {}.t)",
    "DELETE FROM a USING {}.t x",
    "MERGE INTO {}.t USING a ON true WHEN MATCHED THEN DELETE",
    "COPY {}.t TO STDOUT",
    "CREATE TABLE a (LIKE {}.t)",
    "CREATE VIEW v AS SELECT * FROM {}.t",
    "ALTER TABLE {}.t ADD a int",
    "DROP TABLE a, {}.t",
    "DROP TRIGGER x ON {}.t",
    "COMMENT ON COLUMN {}.t.c IS 'x'",
    "GRANT SELECT ON {}.t TO PUBLIC",
    "TRUNCATE {}.t",
    "LOCK TABLE {}.t",
    "SELECT {}.f()",
    "SELECT NULL::{}.t",
    "SELECT {}.t.c FROM t",
    "SELECT 1 OPERATOR({}.+) 2",
    "CREATE INDEX ON a (b {}.ops)",
    "EXPLAIN SELECT * FROM {}.t",
    "SELECT '{}.t'::regclass",
];

/// A schema's name, with the letters that need quotes or care.
fn schema_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "tenant_[a-z]{1,8}",
        "[A-Za-z_\"' .éß\\\\/*-]{1,20}",
        "tenant_alpha.?",
        "[a-z]{60,70}",
        "pg_(temp|catalog|toast)[_0-9a-z]{0,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = guard().judge(&text, &scope());
    }

    #[test]
    fn text_of_sql_words_never_panics(words in proptest::collection::vec(
        prop_oneof![
            Just("SELECT"), Just("FROM"), Just("tenant_beta.t"), Just("("), Just(")"), Just(","), Just("*"),
            Just("'a'"), Just("$$"), Just("E'\\'"), Just("/*"), Just("*/"), Just("--"), Just("\n"),
            Just("CREATE"), Just("TABLE"), Just("x"), Just("1"), Just("::regclass"), Just(";"), Just("SET"),
            Just("role"), Just("="), Just("UNION"), Just("WITH"), Just("AS"), Just("set_config"),
        ],
        0..30,
    )) {
        let _ = guard().judge(&words.join(" "), &scope());
    }

    #[test]
    fn foreign_schema_is_never_allowed_wherever_it_is_named(schema in schema_name(), place in 0..PLACES.len()) {
        let kept = names::truncate(&schema);
        prop_assume!(!matches!(kept, "tenant_alpha" | "global" | "pg_catalog" | "information_schema" | "pg_temp"));
        let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
        let in_literal = PLACES[place].contains('\'') && !PLACES[place].starts_with("COMMENT");
        let name = if in_literal { quoted.replace('\'', "''") } else { quoted };
        let text = PLACES[place].replace("{}", &name);
        prop_assert_ne!(verdict(&text), "allow", "{}", text);
    }

    #[test]
    fn own_schema_is_always_allowed_wherever_it_is_named(place in 0..PLACES.len(), upper in any::<bool>()) {
        let name = if upper { "TENANT_Alpha" } else { "\"tenant_alpha\"" };
        let text = PLACES[place].replace("{}", name);
        prop_assert_eq!(verdict(&text), "allow", "{}", text);
    }
}
