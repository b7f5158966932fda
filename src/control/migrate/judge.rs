//! What a file may say. It runs with a tenant's rights and sees what the tenant sees, so the guard judges it as it judges the
//! tenant's own statements: names of other schemas, changes of the role and the like are refused. On top of that it must
//! leave its transaction, its role and its `search_path` alone, for the ledger's row and the schema depend on them.

use pgtenant_sqltree::enums::VariableSetKind;
use pgtenant_sqltree::{Kind, Message, field, parse};

use crate::control::migrate::files::File;
use crate::guard::script::{Part, Script};
use crate::guard::{Guard, Scope, Verdict};

/// A file that may be run for one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// What is sent.
    pub text: String,
    /// The index that it makes outside a transaction: PostgreSQL leaves a broken one where that fails.
    pub index: Option<String>,
}

/// Judges a file for one schema.
///
/// # Errors
/// Why it may not be run, for people.
pub(super) fn judge(file: &File, guard: &Guard, scope: &Scope) -> Result<Judged, String> {
    let foreign = Script::new(&file.text).any(|part| matches!(part, Part::Foreign { .. }));
    if foreign {
        return Err("it holds a command of psql or data of a COPY, which only psql understands".to_owned());
    }
    // First, because it bounds what the parser is given.
    let allowed = match guard.judge(&file.text, scope) {
        Verdict::Allow(allowed) => allowed,
        Verdict::Deny(denial) => {
            return Err(format!("{} (rule `{}`); {}", denial.message, denial.rule.id, denial.rule.hint));
        }
    };
    let tree = parse(&file.text).map_err(|error| error.message)?;
    let statements: Vec<Message<'_>> = tree
        .root()
        .children(field::parse_result::STMTS)
        .filter_map(|raw| raw.child(field::raw_stmt::STMT))
        .collect();
    if statements.is_empty() {
        return Err("it holds no statement".to_owned());
    }
    if let Some(why) = statements.iter().find_map(|statement| refusal(*statement)) {
        return Err(why);
    }
    let text = allowed.rewritten.map_or_else(|| file.text.clone(), |text| text.to_string());
    if file.in_transaction {
        return Ok(Judged { text, index: None });
    }
    let [statement] = statements[..] else {
        return Err(format!(
            "it runs outside a transaction and holds {} statements; give each a file of its own, so that it is known \
             which of them were run",
            statements.len()
        ));
    };
    let index = (statement.kind() == Kind::IndexStmt).then(|| statement.text(field::index_stmt::IDXNAME));
    if index == Some("") {
        return Err(
            "it makes an index without a name; give it one, so that a broken one can be found".to_owned()
        );
    }
    Ok(Judged { text, index: index.map(str::to_owned) })
}

/// Statements that would take the file out of what surrounds it.
fn refusal(statement: Message<'_>) -> Option<String> {
    match statement.kind() {
        Kind::TransactionStmt => Some(
            "it begins or ends a transaction, or sets a savepoint; leave that out, a file is a transaction by itself"
                .to_owned(),
        ),
        Kind::VariableSetStmt => refused_setting(statement),
        Kind::DiscardStmt => Some("DISCARD would take away what the file runs under; leave it out".to_owned()),
        Kind::CopyStmt if statement.text(field::copy_stmt::FILENAME).is_empty() => {
            Some("COPY moves data between server and client, and there is no client; use INSERT".to_owned())
        }
        _ => None,
    }
}

fn refused_setting(statement: Message<'_>) -> Option<String> {
    let kind = i32::try_from(statement.number(field::variable_set_stmt::KIND)).ok();
    if kind.and_then(|kind| VariableSetKind::try_from(kind).ok()) == Some(VariableSetKind::VarResetAll) {
        return Some(
            "RESET ALL would take away what the file runs under; reset one setting by its name".to_owned(),
        );
    }
    let name = statement.text(field::variable_set_stmt::NAME).to_ascii_lowercase();
    let why = match name.as_str() {
        "search_path" => {
            "the schema that it is run for is the first in search_path already; write names without a schema"
        }
        "role" | "session_authorization" => "it runs as the role of the tenant",
        name if name.starts_with("transaction") => "it runs in a transaction that has begun",
        _ => return None,
    };
    Some(format!("it changes {name}: {why}; leave that out"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::config;
    use crate::control::migrate::files::Files;
    use crate::tenant::{Access, ChannelPrefix, Ident, Level, TenantId};

    fn scope(level: Level) -> Scope {
        Scope {
            tenant: TenantId(Uuid::nil()),
            schema: Ident::parse("tenant_alpha").unwrap(),
            role: Ident::parse("tenant_alpha").unwrap(),
            channels: ChannelPrefix::new(&[0; 32]),
            public_is_own: false,
            shared_schemas: Arc::new([Ident::parse("global").unwrap()]),
            extra_functions: Arc::new([]),
            extra_settings: Arc::new([]),
            level,
            hardened: false,
            access: Access::ReadWrite,
        }
    }

    fn guard() -> Guard {
        Guard::new(&config::Guard {
            mode: config::GuardMode::Enforce,
            public_schema: config::PublicSchema::Refuse,
            extra_schemas: vec![],
            extra_settings: vec![],
            extra_functions: vec![],
            max_statement_bytes: 1 << 20,
            cache_bytes: 1 << 20,
        })
    }

    fn judged_at(level: Level, text: &str) -> Result<Judged, String> {
        let files = Files::parse([("1_a.sql".to_owned(), Ok(text.as_bytes().to_vec()))]).unwrap();
        judge(files.get(1).unwrap(), &guard(), &scope(level))
    }

    fn judged(text: &str) -> Result<Judged, String> {
        judged_at(Level::Dedicated, text)
    }

    #[test]
    fn what_migrations_do_is_let_pass() {
        for text in [
            "create table a (id int primary key, b text); alter table a add c int default 7; create index on a (c);",
            "alter table tenant_alpha.a add d int; insert into a select 1; update a set b = (select max(x) from global.y)",
            "create function f() returns trigger language plpgsql as $$ begin return new; end $$;
             create trigger t before insert on a for each row execute function f();",
            "create type mood as enum ('a'); create view v as select 1; comment on table a is 'x'; grant select on a to tenant_alpha",
            "set local lock_timeout = '3s'; set statement_timeout = 0; do $$ begin perform 1; end $$",
        ] {
            assert_eq!(judged(text).map(|judged| judged.text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn file_that_leaves_its_surroundings_is_refused_with_the_reason() {
        for (text, why) in [
            ("create table a (id int); commit; create table b (id int)", "transaction by itself"),
            ("begin; create table a (id int); end", "transaction by itself"),
            ("savepoint s", "transaction by itself"),
            ("rollback", "transaction by itself"),
            ("set search_path = tenant_alpha", "search_path"),
            ("set local search_path to tenant_alpha", "search_path"),
            ("reset search_path", "search_path"),
            ("reset all", "RESET ALL"),
            ("discard all", "DISCARD"),
            ("reset role", "role"),
            ("set role tenant_alpha", "role"),
            ("set role tenant_beta", "role"),
            ("set local role none", "role"),
            ("set session authorization default", "session_authorization"),
            ("set transaction isolation level serializable", "transaction"),
            ("copy a from stdin", "COPY"),
            ("select 1\n\\echo x", "psql"),
            ("create tabel a ()", "syntax error"),
            ("", "no statement"),
            ("-- nothing\n", "no statement"),
            ("alter table tenant_beta.a add b int", "tenant_beta"),
            ("create view v as select * from base_template.a", "base_template"),
            ("drop schema tenant_alpha cascade", ""),
            ("create role x", ""),
        ] {
            let error = judged(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn tenant_that_may_have_no_code_gets_none_by_a_migration() {
        let text = "create function f() returns int language plpgsql as $$ begin return 1; end $$";
        assert!(judged(text).is_ok());
        assert!(judged_at(Level::Shared, text).is_err());
    }

    #[test]
    fn outside_a_transaction_there_is_one_statement_and_its_index_has_a_name() {
        let mark = "-- pgtenant: no-transaction\n";
        let index = |text: &str| judged(&format!("{mark}{text}")).map(|judged| judged.index);
        assert_eq!(index("create index concurrently i on a (b);"), Ok(Some("i".to_owned())));
        assert_eq!(index("drop index concurrently i"), Ok(None));
        assert!(index("create index concurrently on a (b)").unwrap_err().contains("without a name"));
        assert!(index("vacuum a; vacuum b").unwrap_err().contains("holds 2 statements"));
        assert!(index("commit").is_err());
    }
}
