//! What the guard says of functions and of level `shared`, asked of a real server.

use std::collections::BTreeSet;
use std::sync::Arc;

use pgtenant::guard::{Guard, Scope, Verdict};
use pgtenant::tenant::{Ident, Level, TenantId};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{Db, connect, value};

fn listed(text: &'static str) -> BTreeSet<&'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '='])).collect()
}

fn harmless() -> BTreeSet<&'static str> {
    listed(include_str!("../../src/guard/harmless_functions.txt"))
}

fn restricted() -> BTreeSet<&'static str> {
    listed(include_str!("../../src/guard/restricted_functions.txt"))
}

async fn names(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// A new version of PostgreSQL brings new functions: they fail here, instead of being taken for a tenant's own.
#[tokio::test]
async fn every_function_of_the_server_is_classified() {
    let admin = Db::new().await.admin().await;
    // What needs a value of type internal cannot be called from SQL; a trigger's is only attached.
    let callable = "SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND NOT 'internal'::regtype = ANY (proargtypes) AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)";
    let (harmless, restricted) = (harmless(), restricted());
    let unknown: Vec<_> = names(&admin, callable)
        .await
        .into_iter()
        .filter(|name| !harmless.contains(name.as_str()) && !restricted.contains(name.as_str()))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[tokio::test]
async fn no_function_that_writes_is_taken_for_harmless_unseen() {
    let admin = Db::new().await.admin().await;
    let volatile = "SELECT proname::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
        GROUP BY proname HAVING bool_or(provolatile = 'v') ORDER BY 1";
    let harmless = harmless();
    let mut found = names(&admin, volatile).await;
    found.retain(|name| harmless.contains(name.as_str()));
    // Each of these was looked at: it reads, waits, or is random.
    let known = include_str!("levels/volatile_and_harmless.txt");
    let known: Vec<_> = known.lines().filter(|line| !line.starts_with('#')).collect();
    found.retain(|name| !known.contains(&name.as_str()));
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn catalogs_that_are_open_to_nobody_are_refused_by_the_guard_too() {
    let (db, shared) = with_alpha().await;
    let closed = "SELECT relname::text FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace
        AND relkind IN ('r', 'v') AND NOT has_table_privilege('public', oid, 'SELECT')
        AND NOT has_any_column_privilege('public', oid, 'SELECT')";
    let closed = names(&db.admin().await, closed).await;
    assert!(closed.contains(&"pg_authid".to_owned()));
    for name in closed {
        for text in [format!("SELECT * FROM {name}"), format!("COPY pg_catalog.{name} TO STDOUT")] {
            assert!(matches!(shared.guard.judge(&text, &shared.scope), Verdict::Deny(_)), "{text}");
        }
    }
}

/// A connection as level `shared` has it: a role without rights of its own that has taken on a tenant's.
struct Shared {
    client: Client,
    guard: Guard,
    scope: Scope,
    role: String,
}

impl Shared {
    async fn of(db: &Db, tenant: &str, hardened: bool) -> Self {
        let pool = format!("{}_pool", db.name);
        let role = db.summary(tenant).await.tenant.names.role.as_str().to_owned();
        db.admin_run(&format!(
            "CREATE ROLE {pool} LOGIN NOINHERIT PASSWORD 'p'; GRANT {role} TO {pool}; GRANT CONNECT ON DATABASE {} TO {pool}",
            db.name
        ))
        .await;
        let client = connect(&db.url(&pool, "p")).await;
        client.batch_execute(&format!("SET ROLE {role}; SET search_path = {role}, global")).await.unwrap();
        let scope = Scope {
            tenant: TenantId(uuid::Uuid::nil()),
            schema: Ident::parse(&db.schema(tenant)).unwrap(),
            role: Ident::parse(&db.schema(tenant)).unwrap(),
            channels: pgtenant::tenant::ChannelPrefix::new(&[0xab; 32]),
            public_is_own: false,
            shared_schemas: Arc::from([Ident::parse("global").unwrap()]),
            extra_functions: Arc::new([]),
            extra_settings: Arc::new([]),
            level: Level::Shared,
            hardened,
            access: pgtenant::tenant::Access::ReadWrite,
        };
        Self { client, guard: Guard::new(&db.config.guard), scope, role }
    }

    /// The text as level `shared` sends it.
    fn sent(&self, text: &str) -> String {
        match self.guard.judge(text, &self.scope) {
            Verdict::Allow(allowed) => {
                allowed.rewritten.map_or_else(|| text.to_owned(), |text| text.to_string())
            }
            Verdict::Deny(denial) => panic!("{text}: {denial:?}"),
        }
    }

    async fn run(&self, text: &str) -> Result<Vec<SimpleQueryMessage>, tokio_postgres::Error> {
        self.client.simple_query(&self.sent(text)).await
    }

    async fn error(&self, text: &str) -> String {
        let error = self.run(text).await.expect_err(text);
        error.as_db_error().unwrap().message().to_owned()
    }
}

async fn with_alpha() -> (Db, Shared) {
    alpha_of(true).await
}

async fn alpha_of(hardened: bool) -> (Db, Shared) {
    let db = Db::ready().await;
    db.admin_run("CREATE TABLE base_template.notes (id int, body text)").await;
    db.create("alpha").await.unwrap();
    let shared = Shared::of(&db, "alpha", hardened).await;
    (db, shared)
}

#[tokio::test]
async fn do_block_of_level_shared_works_as_a_do_block_does() {
    let (_db, shared) = with_alpha().await;
    let done = shared
        .run("DO $$DECLARE n int; BEGIN INSERT INTO notes VALUES (1, 'by DO'); SELECT count(*) INTO n FROM notes; RAISE NOTICE '%', n; END$$")
        .await
        .unwrap();
    // One statement towards the client, with no row.
    assert!(matches!(done[..], [SimpleQueryMessage::CommandComplete(_)]), "{done:?}");
    assert_eq!(value(&shared.client, "SELECT body FROM notes").await, "by DO");
    // As in any client's: in the middle of others, inside a transaction, again and again, prepared.
    shared.run("BEGIN; DO 'BEGIN INSERT INTO notes VALUES (2); END'; DO 'BEGIN END'; COMMIT").await.unwrap();
    let prepared =
        shared.client.prepare(&shared.sent("DO $$BEGIN INSERT INTO notes VALUES (3); END$$")).await.unwrap();
    for _ in 0..2 {
        shared.client.execute(&prepared, &[]).await.unwrap();
    }
    assert_eq!(value(&shared.client, "SELECT count(*) FROM notes").await, "4");
    assert_eq!(shared.error("DO $$BEGIN RAISE EXCEPTION 'mine'; END$$").await, "mine");
    let left = "SELECT count(*) FROM pg_proc WHERE proname = 'pgtenant_do'";
    assert_eq!(value(&shared.client, left).await, "0");
}

#[tokio::test]
async fn do_block_of_level_shared_cannot_leave_the_tenants_role() {
    let (db, shared) = with_alpha().await;
    let pool = format!("{}_pool", db.name);
    let current = "SELECT current_user::text";
    let escapes = [
        "RESET ROLE",
        "SET ROLE NONE",
        "SET \"RoLe\" = none",
        "RESET SESSION AUTHORIZATION",
        "PERFORM set_config(''ro'' || ''le'', ''none'', false)",
        "EXECUTE ''RESET '' || ''ROLE''",
        "EXECUTE ''DO ''''BEGIN RESET ROLE; END''''''",
    ];
    for escape in escapes {
        let text = format!("DO 'BEGIN {escape}; END'");
        let message = shared.error(&text).await;
        assert!(message.contains("within security-definer function"), "{text}: {message}");
        assert_eq!(value(&shared.client, current).await, shared.role, "{text}");
    }
    // As it was written, the first one works: that is what the rewriting is for.
    shared.client.batch_execute("DO 'BEGIN RESET ROLE; END'").await.unwrap();
    assert_eq!(value(&shared.client, current).await, pool);
}

/// Ways for a tenant's statements to change the role of a shared server connection, where code is not made
/// to run as its owner. The last statement of each is followed by a look at who runs it.
pub(crate) const ESCAPES: &[(&str, &[&str])] = &[
    ("DO", &["DO 'BEGIN RESET ROLE; END'"]),
    (
        "a function",
        &[
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN 1; END'",
            "SELECT f()",
        ],
    ),
    (
        "a function in SQL",
        &[
            "CREATE FUNCTION g() RETURNS text LANGUAGE sql AS 'SELECT set_config(''ro'' || lower(''LE''), ''none'', false)'",
            "SELECT g()",
        ],
    ),
    ("a procedure", &["CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN SET ROLE NONE; END'", "CALL p()"]),
    (
        "an aggregate of set_config",
        &[
            "CREATE AGGREGATE configure(text, boolean) (SFUNC = set_config, STYPE = text, INITCOND = 'role')",
            "SELECT configure('none', false)",
        ],
    ),
    (
        "a trigger of a function that was there before",
        &[
            "CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION earlier()",
            "INSERT INTO notes VALUES (1)",
        ],
    ),
    ("an operator", &["CREATE OPERATOR @@@@ (FUNCTION = earlier_of, RIGHTARG = int)", "SELECT @@@@ 1"]),
    (
        "a cast",
        &[
            "CREATE TYPE pair AS (a int)",
            "CREATE CAST (pair AS int) WITH FUNCTION earlier_of_pair(pair)",
            "SELECT CAST(ROW(1)::pair AS int)",
        ],
    ),
    ("a function that was there before", &["SELECT tenant_earlier()"]),
    ("set_config with a name put together", &["SELECT set_config(lower('ROLE'), 'none', false)"]),
    ("set_config with a name that a cast cuts", &["SELECT set_config('role.x'::varchar(4), 'none', false)"]),
    (
        "a default",
        &[
            "ALTER TABLE notes ALTER COLUMN body SET DEFAULT set_config(lower('ROLE'), 'none', false)",
            "INSERT INTO notes (id) VALUES (1)",
        ],
    ),
    (
        "a check of a domain",
        &[
            "CREATE DOMAIN d AS text CHECK (set_config(lower('ROLE'), VALUE, false) = 'none')",
            "SELECT 'none'::d",
        ],
    ),
    ("a view", &["CREATE VIEW v AS SELECT set_config(lower('ROLE'), 'none', false) AS c", "SELECT * FROM v"]),
    (
        "a rule",
        &[
            "CREATE RULE r AS ON INSERT TO notes DO ALSO SELECT set_config(lower('ROLE'), 'none', false)",
            "INSERT INTO notes (id) VALUES (2)",
        ],
    ),
    (
        "a query in a string that is put together",
        &[
            "SELECT query_to_xml('SELECT set_config(''ro''||''le'', ''none'', false)' || lower(''), true, true, '')",
        ],
    ),
];

/// What a tenant has of its own that was of level `dedicated` before, as [`ESCAPES`] calls it.
pub(crate) const EARLIER: &str = "CREATE TYPE pair AS (a int);
    CREATE FUNCTION earlier() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN NEW; END';
    CREATE FUNCTION earlier_of(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN 1; END';
    CREATE FUNCTION earlier_of_pair(pair) RETURNS int LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN 1; END';
    CREATE FUNCTION tenant_earlier() RETURNS int LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN 1; END'";

#[tokio::test]
async fn each_way_to_run_code_changes_the_role_and_is_refused_without_hardening() {
    let (db, shared) = alpha_of(false).await;
    let role = &shared.role;
    // A tenant that was of level dedicated before has functions of its own.
    db.admin_run(&format!(
        "SET search_path = {role};
         {EARLIER};
         ALTER TYPE {role}.pair OWNER TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {role} TO {role}"
    ))
    .await;
    for (way, statements) in ESCAPES {
        let refused =
            statements.iter().any(|text| matches!(shared.guard.judge(text, &shared.scope), Verdict::Deny(_)));
        assert!(refused, "{way}");
        for text in *statements {
            let text = text.replace("CREATE TYPE pair AS (a int)", "SELECT 1");
            shared.client.batch_execute(&text).await.unwrap_or_else(|error| panic!("{way}: {error:?}"));
        }
        let now = value(&shared.client, "SELECT current_user::text").await;
        assert_ne!(&now, role, "{way} changes nothing");
        shared.client.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
        // A default of one case would run in the next.
        shared
            .client
            .batch_execute(
                "ALTER TABLE notes ALTER COLUMN body DROP DEFAULT; DROP TRIGGER IF EXISTS t ON notes",
            )
            .await
            .unwrap();
    }
}
