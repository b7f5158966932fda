use super::*;

fn ident(name: &str) -> Ident {
    Ident::parse(name).unwrap()
}

fn names() -> Names {
    Names {
        from: ident("tenant_acme"),
        aside: ident("aside_beta"),
        to: ident("tenant_beta"),
        loader: ident("loader"),
        roles: vec![
            (ident("tenant_acme"), ident("tenant_beta")),
            (ident("reader_acme"), ident("reader_beta")),
        ],
    }
}

fn taken(text: &str) -> Taken {
    take(text, &names()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn runs(text: &str, expected: &str) {
    assert_eq!(taken(text), Taken::Run(expected.to_owned()), "{text}");
}

#[test]
fn names_of_the_schema_are_replaced_where_the_grammar_has_names() {
    runs(
        "CREATE TABLE tenant_acme.t (id int DEFAULT nextval('tenant_acme.s'::regclass), s tenant_acme.status DEFAULT 'a'::tenant_acme.status)",
        "CREATE TABLE \"aside_beta\".t (id int DEFAULT nextval('\"aside_beta\".s'::regclass), s \"aside_beta\".status DEFAULT 'a'::\"aside_beta\".status)",
    );
    runs(
        "ALTER SEQUENCE tenant_acme.s OWNED BY tenant_acme.t.id",
        "ALTER SEQUENCE \"aside_beta\".s OWNED BY \"aside_beta\".t.id",
    );
    runs(
        "CREATE INDEX i ON tenant_acme.t USING gin (to_tsvector('tenant_acme.\"C\"'::regconfig, x) tenant_acme.ops)",
        "CREATE INDEX i ON \"aside_beta\".t USING gin (to_tsvector('\"aside_beta\".\"C\"'::regconfig, x) \"aside_beta\".ops)",
    );
    runs(
        "SELECT pg_catalog.setval('tenant_acme.s', 5, true)",
        "SELECT pg_catalog.setval('\"aside_beta\".s', 5, true)",
    );
    runs(
        "CREATE FUNCTION tenant_acme.f(a tenant_acme.d) RETURNS SETOF tenant_acme.t LANGUAGE sql SET search_path TO 'tenant_acme', 'pg_catalog' AS $$ select * from tenant_acme.t $$",
        "CREATE FUNCTION \"aside_beta\".f(a \"aside_beta\".d) RETURNS SETOF \"aside_beta\".t LANGUAGE sql SET search_path TO 'aside_beta', 'pg_catalog' AS $$ select * from tenant_acme.t $$",
    );
}

#[test]
fn quoted_schema_with_a_quote_is_replaced_too() {
    let names = Names { from: ident("We\"ird"), ..names() };
    let Ok(Taken::Run(text)) = take("ALTER TABLE \"We\"\"ird\".t ADD CHECK (x <> 'We\"ird.t')", &names)
    else {
        panic!("it is taken")
    };
    assert_eq!(text, "ALTER TABLE \"aside_beta\".t ADD CHECK (x <> 'We\"ird.t')");
}

#[test]
fn data_comments_and_columns_of_a_table_that_is_called_like_the_schema_stay() {
    runs(
        "COMMENT ON COLUMN tenant_acme.t.x IS 'see tenant_acme.t'",
        "COMMENT ON COLUMN \"aside_beta\".t.x IS 'see tenant_acme.t'",
    );
    runs(
        "CREATE VIEW tenant_acme.v AS SELECT tenant_acme.id, 'tenant_acme.t'::text FROM tenant_acme.tenant_acme /* tenant_acme.t */",
        "CREATE VIEW \"aside_beta\".v AS SELECT tenant_acme.id, 'tenant_acme.t'::text FROM \"aside_beta\".tenant_acme /* tenant_acme.t */",
    );
    runs(
        "CREATE TYPE tenant_acme.e AS ENUM ('tenant_acme.a')",
        "CREATE TYPE \"aside_beta\".e AS ENUM ('tenant_acme.a')",
    );
    runs(
        "CREATE VIEW tenant_acme.v AS SELECT 1 AS tenant_acme",
        "CREATE VIEW \"aside_beta\".v AS SELECT 1 AS tenant_acme",
    );
}

#[test]
fn rows_are_taken_from_standard_input_into_the_schema_only() {
    assert_eq!(
        taken("COPY tenant_acme.\"T\" (a, \"b;\") FROM stdin"),
        Taken::Copy { sql: "COPY \"aside_beta\".\"T\" (a, \"b;\") FROM stdin".into(), table: "T".into() }
    );
    for text in [
        "COPY tenant_acme.t FROM PROGRAM 'id'",
        "COPY tenant_acme.t FROM '/etc/passwd'",
        "COPY tenant_acme.t TO stdout",
        "COPY (SELECT 1) TO stdout",
        "COPY t FROM stdin",
        "COPY tenant_other.t FROM stdin",
        "COPY tenant_acme.t FROM stdin WHERE pg_sleep(1) IS NULL",
    ] {
        assert!(matches!(take(text, &names()), Err(NotTaken::Form(_))), "{text}");
    }
}

#[test]
fn what_pgtenant_does_itself_is_left_out() {
    for text in [
        "",
        "-- a comment",
        "SET row_security = off",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "CREATE SCHEMA tenant_acme",
        "COMMENT ON SCHEMA tenant_acme IS 'x'",
        "GRANT ALL ON SCHEMA tenant_acme TO tenant_acme",
    ] {
        assert_eq!(taken(text), Taken::Nothing, "{text}");
    }
}

#[test]
fn privileges_of_the_tenants_roles_are_for_later_and_of_others_left_out() {
    let later = |text: &str, expected: &str| assert_eq!(taken(text), Taken::Later(expected.to_owned()));
    later(
        "GRANT SELECT(id) ON TABLE tenant_acme.t TO reader_acme",
        "GRANT SELECT(id) ON TABLE \"tenant_beta\".t TO \"reader_beta\"",
    );
    later(
        "REVOKE ALL ON FUNCTION tenant_acme.f(a tenant_acme.d) FROM PUBLIC",
        "REVOKE ALL ON FUNCTION \"tenant_beta\".f(a \"tenant_beta\".d) FROM PUBLIC",
    );
    later(
        "ALTER DEFAULT PRIVILEGES FOR ROLE tenant_acme IN SCHEMA tenant_acme GRANT SELECT ON TABLES  TO reader_acme",
        "ALTER DEFAULT PRIVILEGES FOR ROLE \"tenant_beta\" IN SCHEMA \"tenant_beta\" GRANT SELECT ON TABLES  TO \"reader_beta\"",
    );
    assert_eq!(taken("GRANT SELECT ON TABLE tenant_acme.t TO metabase"), Taken::OtherRole("metabase".into()));
    for text in [
        "GRANT SELECT ON TABLE tenant_other.t TO tenant_acme",
        "GRANT SELECT ON TABLE t TO tenant_acme",
        "GRANT SELECT ON ALL TABLES IN SCHEMA tenant_acme TO tenant_acme",
        "GRANT ALL ON DATABASE app TO tenant_acme",
        "GRANT SELECT ON TABLE tenant_acme.t TO CURRENT_USER",
        "GRANT SELECT ON LARGE OBJECT 5 TO tenant_acme",
        "GRANT SELECT ON TABLE tenant_acme.t, tenant_other.t TO tenant_acme",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO tenant_acme",
        "ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA tenant_acme GRANT SELECT ON TABLES TO tenant_acme",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA global GRANT SELECT ON TABLES TO tenant_acme",
    ] {
        assert!(take(text, &names()).is_err(), "{text}");
    }
}

#[test]
fn policy_is_made_for_a_stand_in_and_for_its_roles_later() {
    assert_eq!(
        taken("CREATE POLICY own ON tenant_acme.t FOR SELECT TO reader_acme USING ((id IN ( SELECT c.id FROM tenant_acme.c)))"),
        Taken::Policy(
            "CREATE POLICY own ON \"aside_beta\".t FOR SELECT TO \"loader\" USING ((id IN ( SELECT c.id FROM \"aside_beta\".c)))".into(),
            "ALTER POLICY \"own\" ON \"tenant_beta\".\"t\" TO \"reader_beta\"".into()
        )
    );
    runs("CREATE POLICY p ON tenant_acme.t USING (true)", "CREATE POLICY p ON \"aside_beta\".t USING (true)");
    let other = take("CREATE POLICY p ON tenant_acme.t TO metabase USING (true)", &names());
    assert_eq!(other, Err(NotTaken::Role("metabase".into())));
}

#[test]
fn statement_that_no_dump_of_a_schema_holds_is_refused() {
    for text in [
        "ALTER ROLE tenant_acme SUPERUSER",
        "SET SESSION AUTHORIZATION postgres; SELECT 1",
        "CREATE EXTENSION dblink",
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION tenant_acme.f()",
        "DO $$ begin end $$",
        "BEGIN",
        "COMMIT",
        "RESET ROLE; COMMIT",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_catalog.setval('tenant_acme.s', (SELECT count(*) FROM tenant_acme.t))",
        "SELECT pg_catalog.set_config('role', 'postgres', false), tenant_acme.f()",
        "SELECT pg_catalog.setval('tenant_acme.s', 1) FROM tenant_acme.t",
        "INSERT INTO tenant_acme.t VALUES (1)",
        "DROP TABLE tenant_acme.t",
        "DROP SCHEMA tenant_acme CASCADE",
        "CREATE TABLE tenant_acme.t (); DROP TABLE tenant_acme.t",
        "CALL tenant_acme.p()",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "LISTEN x",
        "LOCK TABLE tenant_acme.t",
        "ALTER TABLE tenant_acme.t SET SCHEMA global",
        "ALTER TABLE tenant_acme.t OWNER TO postgres; COMMIT",
        "ALTER SYSTEM SET x = 1",
        "\\! id",
    ] {
        assert!(take(text, &names()).is_err(), "{text}: {:?}", take(text, &names()));
    }
}

#[test]
fn search_path_is_renamed_entry_by_entry() {
    let renamed = |list: &str| path_renamed(list, &ident("aside_beta"), &ident("tenant_beta"));
    assert_eq!(renamed("aside_beta, pg_catalog"), Some("\"tenant_beta\", \"pg_catalog\"".into()));
    assert_eq!(renamed("\"$user\", \"aside_beta\""), Some("\"$user\", \"tenant_beta\"".into()));
    assert_eq!(renamed("aside_beta2, \"x, aside_beta\""), None);
}
