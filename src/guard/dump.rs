//! Statements of a dump of one tenant's schema: which of them are taken, and under which names.
//!
//! A dump is somebody else's text. Only the kinds of statements are taken that pg_dump writes about objects of a schema, one
//! at a time, and what they name in the old schema is named in the new one. Names are replaced where PostgreSQL's grammar has
//! names, and in the strings that it reads as names (`'old.s'::regclass`); never in data, comments or bodies of functions.
//! What is replaced too little or too much cannot be hidden: whoever runs this has rights on the new schema and on no other.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use pgtenant_sqltree::enums::{GrantTargetType, ObjectType};
use pgtenant_sqltree::{Kind, Message, Walk, field};
use thiserror::Error;

use crate::guard::lexer::{Lexer, Piece, Token};
use crate::guard::names;
use crate::guard::parse::tree;
use crate::tenant::{Ident, quote_identifier};

/// `ROLESPEC_CSTRING` and `ROLESPEC_PUBLIC` in libpg_query's numbers.
const NAMED_ROLE: u64 = 1;
const PUBLIC: u64 = 5;

/// Longest statement that is taken: a routine of more text, or a view, is none that anybody wrote.
const MOST_BYTES: usize = 8 << 20;

/// What is called otherwise.
#[derive(Clone, Debug)]
pub struct Names {
    /// The schema in the dump.
    pub from: Ident,
    /// Where its objects are made.
    pub aside: Ident,
    /// What that schema is called in the end.
    pub to: Ident,
    /// Who makes them.
    pub loader: Ident,
    /// Roles in the dump, and in the end.
    pub roles: Vec<(Ident, Ident)>,
}

/// What to do with a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing: pgtenant does what it says, or it is about the session that a dump is read in.
    Nothing,
    /// Run it as the loader.
    Run(String),
    /// The rows of this table (its name in the dump) follow.
    Copy {
        /// `COPY … FROM STDIN`.
        sql: String,
        /// The table.
        table: String,
    },
    /// Run it as the tenant, when the schema has its name: a GRANT, REVOKE or ALTER DEFAULT PRIVILEGES.
    Later(String),
    /// Run the first as the loader, which stands in for the roles that the policy is for, and the second as the tenant.
    Policy(String, String),
    /// Nothing: it is about a role that is not the tenant's.
    OtherRole(String),
}

/// Why a statement is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotTaken {
    /// PostgreSQL's grammar does not know it.
    #[error("{0}")]
    Unparsable(String),
    /// Several, where there must be one.
    #[error("it is not one statement")]
    NotOne,
    /// No statement that pg_dump writes about a schema.
    #[error("it holds {0}, which no dump of a tenant's schema does")]
    Kind(&'static str),
    /// Not what the statement is in a dump.
    #[error("{0}")]
    Form(&'static str),
    /// A role that nothing is known of.
    #[error("it is about role {0:?}, which is none of the tenant's; change it before the backup is made")]
    Role(String),
}

/// Says what to do with one statement. Its semicolon may be left out.
///
/// # Errors
/// [`NotTaken`]: it is not to be run.
pub fn take(text: &str, names: &Names) -> Result<Taken, NotTaken> {
    let tree = tree(text, MOST_BYTES, &mut 0).map_err(|denial| NotTaken::Unparsable(denial.message))?;
    let mut statements = tree.root().children(field::parse_result::STMTS);
    let Some(first) = statements.next() else { return Ok(Taken::Nothing) };
    if statements.next().is_some() {
        return Err(NotTaken::NotOne);
    }
    let statement = first.child(field::raw_stmt::STMT).ok_or(NotTaken::NotOne)?;
    let text = Text::new(text, statement)?;
    match statement.kind() {
        Kind::VariableSetStmt | Kind::CreateSchemaStmt => Ok(Taken::Nothing),
        Kind::SelectStmt => select(&text, statement, names),
        Kind::CopyStmt => copy(&text, statement, names),
        Kind::CommentStmt
            if object_type(statement, field::comment_stmt::OBJTYPE) == ObjectType::ObjectSchema =>
        {
            Ok(Taken::Nothing)
        }
        Kind::GrantStmt => grant(&text, statement, names),
        Kind::AlterDefaultPrivilegesStmt => default_privileges(&text, statement, names),
        Kind::CreatePolicyStmt => policy(&text, statement, names),
        kind if is_definition(kind) => Ok(Taken::Run(text.renamed(names, &names.aside, &[]))),
        kind => Err(NotTaken::Kind(kind.name())),
    }
}

/// What pg_dump writes about objects in a schema.
const fn is_definition(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::CreateStmt
            | Kind::CreateTableAsStmt
            | Kind::ViewStmt
            | Kind::RefreshMatViewStmt
            | Kind::AlterTableStmt
            | Kind::CreateSeqStmt
            | Kind::AlterSeqStmt
            | Kind::IndexStmt
            | Kind::CreateStatsStmt
            | Kind::AlterStatsStmt
            | Kind::CreateTrigStmt
            | Kind::RuleStmt
            | Kind::CreateDomainStmt
            | Kind::AlterDomainStmt
            | Kind::CreateEnumStmt
            | Kind::CompositeTypeStmt
            | Kind::CreateRangeStmt
            | Kind::AlterTypeStmt
            | Kind::CreateFunctionStmt
            | Kind::DefineStmt
            | Kind::AlterOperatorStmt
            | Kind::AlterTSConfigurationStmt
            | Kind::CreateConversionStmt
            | Kind::CreateCastStmt
            | Kind::AlterObjectDependsStmt
            | Kind::ReplicaIdentityStmt
            | Kind::CommentStmt
    )
}

/// The two calls in a dump: of set_config, for the session of whoever reads the dump, and of setval.
fn select(text: &Text<'_>, statement: Message<'_>, names: &Names) -> Result<Taken, NotTaken> {
    let form = NotTaken::Form("it is a SELECT that is not pg_dump's call of set_config or setval");
    let mut calls = Vec::new();
    for visit in Walk::new(statement) {
        let message = visit.map_err(|_| form.clone())?.message;
        match message.kind() {
            Kind::FuncCall => calls.push(message),
            Kind::SelectStmt | Kind::ResTarget | Kind::String | Kind::AConst => {}
            Kind::Integer | Kind::Float | Kind::Boolean => {}
            _ => return Err(form),
        }
    }
    let [call] = calls[..] else { return Err(form) };
    let name: Vec<_> = strings(call, field::func_call::FUNCNAME);
    let mut targets = statement.children(field::select_stmt::TARGET_LIST);
    let is_only_target = targets.next().is_some() && targets.next().is_none();
    match &name[..] {
        ["pg_catalog", "set_config"] => Ok(Taken::Nothing),
        ["pg_catalog", "setval"] if is_only_target => Ok(Taken::Run(text.renamed(names, &names.aside, &[]))),
        _ => Err(form),
    }
}

fn copy(text: &Text<'_>, statement: Message<'_>, names: &Names) -> Result<Taken, NotTaken> {
    use field::copy_stmt as f;
    let relation = statement.child(f::RELATION).filter(|relation| is_in(*relation, names));
    let plain = statement.flag(f::IS_FROM)
        && !statement.flag(f::IS_PROGRAM)
        && statement.text(f::FILENAME).is_empty()
        && statement.child(f::WHERE_CLAUSE).is_none()
        && statement.children(f::OPTIONS).next().is_none();
    match relation {
        Some(relation) if plain => Ok(Taken::Copy {
            sql: text.renamed(names, &names.aside, &[]),
            table: relation.text(field::range_var::RELNAME).to_owned(),
        }),
        _ => Err(NotTaken::Form("it is a COPY that is not FROM STDIN into a table of the schema")),
    }
}

fn grant(text: &Text<'_>, statement: Message<'_>, names: &Names) -> Result<Taken, NotTaken> {
    use field::grant_stmt as f;
    let objects = object_type(statement, f::OBJTYPE);
    if objects == ObjectType::ObjectSchema {
        return Ok(Taken::Nothing);
    }
    let known = matches!(
        objects,
        ObjectType::ObjectTable
            | ObjectType::ObjectSequence
            | ObjectType::ObjectFunction
            | ObjectType::ObjectProcedure
            | ObjectType::ObjectRoutine
            | ObjectType::ObjectType
            | ObjectType::ObjectDomain
    );
    let one_by_one = statement.number(f::TARGTYPE) == GrantTargetType::AclTargetObject as u64;
    let mut objects = statement.children(f::OBJECTS).peekable();
    let named = objects.peek().is_some() && objects.all(|object| is_in(object, names));
    if !known || !one_by_one || !named || statement.child(f::GRANTOR).is_some() {
        return Err(NotTaken::Form("it is a GRANT or REVOKE of something else than an object of the schema"));
    }
    Ok(match text.other_role(statement, names)? {
        Some(role) => Taken::OtherRole(role),
        None => Taken::Later(text.renamed(names, &names.to, &names.roles)),
    })
}

fn default_privileges(text: &Text<'_>, statement: Message<'_>, names: &Names) -> Result<Taken, NotTaken> {
    use field::alter_default_privileges_stmt as f;
    let form =
        NotTaken::Form("it is an ALTER DEFAULT PRIVILEGES of another role or schema than the tenant's");
    let mut of_schema = false;
    for option in statement.children(f::OPTIONS) {
        let entries = option.child(field::def_elem::ARG).ok_or_else(|| form.clone())?;
        let mut entries = entries.children(field::list::ITEMS);
        let fits = match option.text(field::def_elem::DEFNAME) {
            "schemas" => {
                of_schema = true;
                entries.all(|entry| entry.text(field::string::SVAL) == names.from.as_str())
            }
            "roles" => {
                let own = names.roles.first().map(|(role, _)| role.as_str());
                entries.all(|entry| Some(entry.text(field::role_spec::ROLENAME)) == own)
            }
            _ => false,
        };
        if !fits {
            return Err(form);
        }
    }
    if !of_schema {
        return Err(form);
    }
    Ok(match text.other_role(statement, names)? {
        Some(role) => Taken::OtherRole(role),
        None => Taken::Later(text.renamed(names, &names.to, &names.roles)),
    })
}

/// The roles of a policy may not be there yet. A policy that was for others, or for fewer, would not be the same policy.
fn policy(text: &Text<'_>, statement: Message<'_>, names: &Names) -> Result<Taken, NotTaken> {
    use field::create_policy_stmt as f;
    let table = statement.child(f::TABLE).filter(|table| is_in(*table, names));
    let table = table.ok_or(NotTaken::Form("it is a policy of a table that is not in the schema"))?;
    if let Some(role) = text.other_role(statement, names)? {
        return Err(NotTaken::Role(role));
    }
    let mut roles = Vec::new();
    for role in statement.children(f::ROLES) {
        if role.number(field::role_spec::ROLETYPE) == PUBLIC {
            return Ok(Taken::Run(text.renamed(names, &names.aside, &[])));
        }
        let name = role.text(field::role_spec::ROLENAME);
        roles.extend(
            names.roles.iter().filter(|(from, _)| from.as_str() == name).map(|(_, to)| to.to_string()),
        );
    }
    let stand_in: Vec<_> = names.roles.iter().map(|(from, _)| (from.clone(), names.loader.clone())).collect();
    let later = format!(
        "ALTER POLICY {} ON {}.{} TO {}",
        quote_identifier(statement.text(f::POLICY_NAME)),
        names.to,
        quote_identifier(table.text(field::range_var::RELNAME)),
        roles.join(", ")
    );
    Ok(Taken::Policy(text.renamed(names, &names.aside, &stand_in), later))
}

/// A search_path with `to` in the place of `from`, if that is in it.
#[must_use]
pub fn path_renamed(list: &str, from: &Ident, to: &Ident) -> Option<String> {
    let entries = names::split(list, ',')?;
    if !entries.iter().any(|entry| entry == from.as_str()) {
        return None;
    }
    let named = |entry: &std::borrow::Cow<'_, str>| {
        if entry == from.as_str() { to.to_string() } else { quote_identifier(entry) }
    };
    Some(entries.iter().map(named).collect::<Vec<_>>().join(", "))
}

fn object_type(statement: Message<'_>, number: u32) -> ObjectType {
    i32::try_from(statement.number(number))
        .ok()
        .and_then(|number| ObjectType::try_from(number).ok())
        .unwrap_or(ObjectType::Undefined)
}

fn strings<'t>(message: Message<'t>, number: u32) -> Vec<&'t str> {
    message.children(number).map(|part| part.text(field::string::SVAL)).collect()
}

/// Whether an object is named in the dump's schema.
fn is_in(object: Message<'_>, names: &Names) -> bool {
    let schema = match object.kind() {
        Kind::RangeVar => Some(object.text(field::range_var::SCHEMANAME)),
        Kind::ObjectWithArgs => first_of_two(&strings(object, field::object_with_args::OBJNAME)),
        Kind::List => first_of_two(&strings(object, field::list::ITEMS)),
        _ => None,
    };
    schema == Some(names.from.as_str())
}

fn first_of_two<'t>(names: &[&'t str]) -> Option<&'t str> {
    if let [schema, _] = names { Some(*schema) } else { None }
}

/// A statement with its tokens, and the places of what only the grammar knows.
struct Text<'t> {
    text: &'t str,
    pieces: Vec<Piece>,
    /// Where references to columns begin: what stands before their dot is a table.
    columns: BTreeSet<usize>,
    /// Where roles are named.
    roles: BTreeSet<usize>,
}

impl<'t> Text<'t> {
    fn new(text: &'t str, statement: Message<'_>) -> Result<Self, NotTaken> {
        let mut pieces = Vec::new();
        for piece in Lexer::new(text) {
            let piece = piece.map_err(|excess| NotTaken::Unparsable(excess.to_string()))?;
            if !matches!(piece.token, Token::LineComment | Token::BlockComment) {
                pieces.push(piece);
            }
        }
        let (mut columns, mut roles) = (BTreeSet::new(), BTreeSet::new());
        for visit in Walk::new(statement) {
            let message = visit.map_err(|malformed| NotTaken::Unparsable(malformed.to_string()))?.message;
            let place = |number| usize::try_from(message.number(number)).ok();
            match message.kind() {
                Kind::ColumnRef => columns.extend(place(field::column_ref::LOCATION)),
                Kind::RoleSpec => roles.extend(place(field::role_spec::LOCATION)),
                _ => {}
            }
        }
        Ok(Self { text, pieces, columns, roles })
    }

    /// The first role that is none of the tenant's.
    fn other_role(&self, statement: Message<'_>, names: &Names) -> Result<Option<String>, NotTaken> {
        for visit in Walk::new(statement) {
            let message = visit.map_err(|malformed| NotTaken::Unparsable(malformed.to_string()))?.message;
            if message.kind() != Kind::RoleSpec {
                continue;
            }
            let name = message.text(field::role_spec::ROLENAME);
            match message.number(field::role_spec::ROLETYPE) {
                PUBLIC => {}
                NAMED_ROLE if names.roles.iter().any(|(from, _)| from.as_str() == name) => {}
                NAMED_ROLE => return Ok(Some(name.to_owned())),
                _ => return Err(NotTaken::Form("it names a role that depends on who runs it")),
            }
        }
        Ok(None)
    }

    /// The statement with `schema` in the place of the dump's, and roles in the place of others.
    fn renamed(&self, names: &Names, schema: &Ident, roles: &[(Ident, Ident)]) -> String {
        let mut out = String::with_capacity(self.text.len() + 64);
        let mut from = 0;
        for (at, piece) in self.pieces.iter().enumerate() {
            let Some(new) = self.replacement(at, piece, (names.from.as_str(), schema), roles) else {
                continue;
            };
            out.push_str(self.text.get(from..piece.start).unwrap_or_default());
            out.push_str(&new);
            from = piece.end;
        }
        out.push_str(self.text.get(from..).unwrap_or_default());
        out
    }

    fn replacement(
        &self,
        at: usize,
        piece: &Piece,
        (old, schema): (&str, &Ident),
        roles: &[(Ident, Ident)],
    ) -> Option<String> {
        let token = self.token(at)?;
        if piece.token == Token::String {
            return self.string(at, token, old, schema);
        }
        if piece.token != Token::Other {
            return None;
        }
        let (name, rest) = names::identifier(token, '.')?;
        if !rest.is_empty() {
            return None;
        }
        if self.roles.contains(&piece.start) {
            return roles.iter().find(|(from, _)| from.as_str() == name).map(|(_, to)| to.to_string());
        }
        let qualifies =
            self.is(at + 1, ".") && !self.before(at, 1, ".") && !self.columns.contains(&piece.start);
        // `IN SCHEMA x`, of ALTER DEFAULT PRIVILEGES.
        let is_schema = self.before(at, 1, "schema") && self.before(at, 2, "in");
        (name == old && (qualifies || is_schema)).then(|| schema.to_string())
    }

    /// Strings that PostgreSQL reads as names: in front of `::regclass` and its like, of setval, and in a search_path.
    fn string(&self, at: usize, token: &str, old: &str, schema: &Ident) -> Option<String> {
        let value = token.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
        let is_cast = self.is(at + 1, "::") && self.token(at + 2).is_some_and(|word| word.starts_with("reg"));
        let is_setval = self.before(at, 1, "(") && self.before(at, 2, "setval");
        let new = if self.is_in_path(at) && value == old {
            schema.as_str().to_owned()
        } else if is_cast || is_setval {
            let (name, rest) = names::identifier(&value, '.')?;
            let alone = rest.is_empty() && self.is(at + 2, "regnamespace");
            (name == old && (rest.starts_with('.') || alone)).then(|| format!("{schema}{rest}"))?
        } else {
            return None;
        };
        Some(format!("'{}'", new.replace('\'', "''")))
    }

    /// In `SET search_path TO 'a', 'b'`.
    fn is_in_path(&self, mut at: usize) -> bool {
        while self.before(at, 1, ",") && at >= 2 && self.pieces[at - 2].token == Token::String {
            at -= 2;
        }
        self.before(at, 1, "to") && self.before(at, 2, "search_path") && self.before(at, 3, "set")
    }

    fn token(&self, at: usize) -> Option<&'t str> {
        self.pieces.get(at).and_then(|piece| self.text.get(piece.start..piece.end))
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|token| token.eq_ignore_ascii_case(word))
    }

    fn before(&self, at: usize, back: usize, word: &str) -> bool {
        at.checked_sub(back).is_some_and(|at| self.is(at, word))
    }
}
