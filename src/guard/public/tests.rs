use proptest::prelude::*;

use super::*;

#[track_caller]
fn becomes(text: &str, sent: &str) {
    assert_eq!(mapped(text, "tenant_a").as_deref(), Some(sent));
}

#[track_caller]
fn stays(text: &str) {
    assert_eq!(mapped(text, "tenant_a"), None);
}

#[test]
fn names_in_public_are_names_in_the_tenants_schema() {
    becomes("SELECT * FROM public.users", r#"SELECT * FROM "tenant_a".users"#);
    becomes(r#"insert into "public"."users" values (1)"#, r#"insert into "tenant_a"."users" values (1)"#);
    becomes(
        "select public.users.id from PUBLIC . users",
        r#"select "tenant_a".users.id from "tenant_a" . users"#,
    );
    becomes("select public.f(a::public.t)", r#"select "tenant_a".f(a::"tenant_a".t)"#);
    becomes("drop table if exists public/* c */.t", r#"drop table if exists "tenant_a"/* c */.t"#);
}

#[test]
fn other_names_and_values_stay() {
    for text in [
        "SELECT public FROM t",
        "SELECT t.public.x FROM t",
        "GRANT SELECT ON t TO PUBLIC",
        r#"SELECT * FROM "Public".t"#,
        "SELECT * FROM publication.t",
        "UPDATE t SET visibility = 'public'",
        "SELECT 'public.users'",
        "SELECT $$public.x$$ -- public.x",
        "SELECT E'public.x'::regclass",
        "SELECT 1",
    ] {
        stays(text);
    }
}

#[test]
fn the_schema_itself_is_the_tenants() {
    becomes("CREATE SCHEMA IF NOT EXISTS \"public\"", "CREATE SCHEMA IF NOT EXISTS \"tenant_a\"");
    becomes("create schema public", "create schema \"tenant_a\"");
    becomes("DROP SCHEMA IF EXISTS public CASCADE", "DROP SCHEMA IF EXISTS \"tenant_a\" CASCADE");
    becomes("GRANT ALL ON SCHEMA public TO PUBLIC", "GRANT ALL ON SCHEMA \"tenant_a\" TO PUBLIC");
}

#[test]
fn strings_that_can_only_be_names_are_changed() {
    becomes("SELECT 'public.users'::regclass", "SELECT '\"tenant_a\".users'::regclass");
    becomes("SELECT nextval('\"public\".\"S\"')", "SELECT nextval('\"tenant_a\".\"S\"')");
    becomes("SELECT regclass 'PUBLIC.users'", "SELECT regclass '\"tenant_a\".users'");
    becomes("SELECT 'public'::regnamespace", "SELECT 'tenant_a'::regnamespace");
    becomes(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'public'",
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'tenant_a' AND table_name = 'public'",
    );
    becomes("WHERE n.nspname IN ('public')", "WHERE n.nspname IN ('tenant_a')");
}

#[test]
fn search_path_has_the_tenants_schema_in_the_place_of_public() {
    becomes("SET search_path TO \"$user\", public", "SET search_path TO \"$user\", \"tenant_a\"");
    becomes("set local SEARCH_PATH = 'public', x", "set local SEARCH_PATH = 'tenant_a', x");
    becomes(
        "SELECT set_config('search_path', '\"$user\", public', false)",
        "SELECT set_config('search_path', '\"$user\", \"tenant_a\"', false)",
    );
    stays("SET application_name TO public");
    assert_eq!(mapped_path("public", "tenant_a").as_deref(), Some("\"tenant_a\""));
    assert_eq!(mapped_path("a, \"b\"\"c\", Public", "t").as_deref(), Some("\"a\", \"b\"\"c\", \"t\""));
    assert_eq!(mapped_path("\"Public\"", "t"), None);
    assert_eq!(mapped_path("public,", "t"), None);
}

#[test]
fn body_of_a_do_block_is_text_of_the_same_kind() {
    becomes(
        "DO $$ BEGIN CREATE TYPE public.t AS ENUM ('public'); END $$",
        "DO $$ BEGIN CREATE TYPE \"tenant_a\".t AS ENUM ('public'); END $$",
    );
    becomes(
        "select 1; do language plpgsql $x$begin drop table public.t; end$x$",
        "select 1; do language plpgsql $x$begin drop table \"tenant_a\".t; end$x$",
    );
    becomes(
        "DO 'BEGIN CREATE TYPE \"public\".\"t\" AS ENUM(''a'', ''public''); END'",
        "DO 'BEGIN CREATE TYPE \"tenant_a\".\"t\" AS ENUM(''a'', ''public''); END'",
    );
    becomes(
        "DO $$ BEGIN PERFORM nextval('public.s'); END $$",
        "DO $$ BEGIN PERFORM nextval('\"tenant_a\".s'); END $$",
    );
    for text in [
        "DO 'BEGIN PERFORM 1 FROM public.t;'\n'END'",
        "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 'public.x'",
        "SELECT $$DO 'public.x'$$",
        "DO $$ BEGIN EXECUTE 'DROP TABLE public.t'; END $$",
        "DO E'begin drop table public.t; end'",
        "DO $a$ BEGIN DO $b$ BEGIN DROP TABLE public.t; END $b$; END $a$",
    ] {
        stays(text);
    }
}

proptest! {
    #[test]
    fn any_words_are_mapped_once_and_for_all(words in proptest::collection::vec(
        prop::sample::select(vec![
            "public", "PUBLIC", "\"public\"", ".", "x", "'public'", "'public.t'", "::", "regclass", "(", ")",
            "=", "nspname", "set", "search_path", "to", ",", "schema", "if", "exists", "not", "in", "set_config",
            "'search_path'", "do", ";", "$$ public.x $$", "language", "--c\n", "/*c*/", "$$", "'", "E'", "U&\"", "\u{e9}",
        ]), 0..24))
    {
        let text = words.join(" ");
        if let Some(sent) = mapped(&text, "tenant_a") {
            prop_assert!(sent.contains("tenant_a"));
            prop_assert_eq!(mapped(&sent, "tenant_a"), None, "{} became {}", text, sent);
        }
    }
}
