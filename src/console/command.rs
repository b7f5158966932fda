//! What can be said in the console.

use std::fmt;

use crate::console::lexer::{self, Token};
use crate::error::SqlState;
use crate::session::Refusal;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `SHOW …`: a table of what is going on.
    Show(Show),
    /// `SHOW server_version` and the like, which drivers ask a server for.
    Parameter(String),
    /// `PAUSE [tenant]`.
    Pause(Target),
    /// `RESUME [tenant]`.
    Resume(Target),
    /// `RECONNECT [tenant]`.
    Reconnect(Target),
    /// `WAIT_CLOSE [tenant]`.
    WaitClose(Target),
    /// `KILL [tenant]`.
    Kill(Target),
    /// `KILL_CLIENT id`.
    KillClient(i32),
    /// `DISABLE tenant`.
    Disable(String),
    /// `ENABLE tenant`.
    Enable(String),
    /// `SUSPEND [tenant]`.
    Suspend(Target),
    /// `RELOAD`.
    Reload,
    /// `SHUTDOWN …`.
    Shutdown(Ending),
    /// `SET key = value [FOR tenant]`, of the configuration, or a limit of one tenant. The value is `None` for `DEFAULT`.
    Set(String, Option<String>, Target),
    /// A setting of the session that drivers make, and that means nothing here; the answer's tag.
    Nothing(&'static str),
    /// `BEGIN`: drivers begin transactions by themselves.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK`.
    Rollback,
}

/// Whom a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All tenants.
    All,
    /// The one with this short name.
    Tenant(String),
}

/// How the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As at SIGTERM: when the transactions are over, and not later than `listen.shutdown_timeout`.
    Now,
    /// When no server connection works for a client any more.
    WaitForServers,
    /// When the last client has left.
    WaitForClients,
}

macro_rules! shows {
    ($($id:ident $word:literal $doc:literal;)+) => {
        /// What can be shown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Show {
            $(#[doc = $doc] $id,)+
        }

        impl Show {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// The word behind `SHOW`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$id => $word),+ }
            }
        }
    };
}

shows! {
    Help "HELP" "The commands.";
    Version "VERSION" "The program's version.";
    State "STATE" "Whether all tenants are paused.";
    Stats "STATS" "What the clients of each tenant did, in all and on average.";
    StatsTotals "STATS_TOTALS" "The same, in all.";
    StatsAverages "STATS_AVERAGES" "The same, on average.";
    Totals "TOTALS" "What all clients did.";
    Pools "POOLS" "Clients and server connections of each pool.";
    Clients "CLIENTS" "Clients that are logged in.";
    Servers "SERVERS" "Server connections.";
    Lists "LISTS" "Numbers of things.";
    Databases "DATABASES" "Tenants, as databases are shown by PgBouncer.";
    Users "USERS" "Users that are logged in.";
    Config "CONFIG" "The configuration.";
    Mem "MEM" "Memory of what is remembered.";
    Tenants "TENANTS" "Tenants in service: limits, load, state.";
    Pins "PINS" "Clients that keep their server connection, and why.";
    Queues "QUEUES" "Who waits for a server connection, and for what.";
    Listeners "LISTENERS" "Clients that listen to notifications.";
    Denials "DENIALS" "The latest statements that the guard refused.";
    Verdicts "VERDICTS" "What the guard remembers of statements.";
}

impl Command {
    /// Whether it changes anything: what only looks may be said by everybody who is here.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !matches!(
            self,
            Self::Show(_)
                | Self::Parameter(_)
                | Self::WaitClose(_)
                | Self::Nothing(_)
                | Self::Begin
                | Self::Commit
                | Self::Rollback
        )
    }

    /// The tag of its answer.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Show(_) | Self::Parameter(_) => "SHOW",
            Self::Pause(_) => "PAUSE",
            Self::Resume(_) => "RESUME",
            Self::Reconnect(_) => "RECONNECT",
            Self::WaitClose(_) => "WAIT_CLOSE",
            Self::Kill(_) => "KILL",
            Self::KillClient(_) => "KILL_CLIENT",
            Self::Disable(_) => "DISABLE",
            Self::Enable(_) => "ENABLE",
            Self::Suspend(_) => "SUSPEND",
            Self::Reload => "RELOAD",
            Self::Shutdown(_) => "SHUTDOWN",
            Self::Set(..) => "SET",
            Self::Nothing(tag) => tag,
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Tenant(name) => write!(f, " {name:?}"),
        }
    }
}

impl fmt::Display for Command {
    /// For the log: without values of settings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())?;
        match self {
            Self::Pause(target)
            | Self::Resume(target)
            | Self::Reconnect(target)
            | Self::WaitClose(target)
            | Self::Kill(target)
            | Self::Suspend(target) => target.fmt(f),
            Self::KillClient(id) => write!(f, " {id}"),
            Self::Disable(name) | Self::Enable(name) => write!(f, " {name:?}"),
            Self::Set(key, _, Target::All) => write!(f, " {key:?}"),
            Self::Set(key, _, tenant) => write!(f, " {key:?} FOR{tenant}"),
            Self::Shutdown(Ending::WaitForServers) => f.write_str(" WAIT_FOR_SERVERS"),
            Self::Shutdown(Ending::WaitForClients) => f.write_str(" WAIT_FOR_CLIENTS"),
            _ => Ok(()),
        }
    }
}

/// Settings of PostgreSQL that drivers and tools make when they connect.
const IGNORED_SETTINGS: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "lock_timeout",
    "names",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "timezone",
];

/// Reads a text: its statements, in order.
///
/// # Errors
/// What is wrong with the first that is wrong; then none of them is to be run.
pub fn parse(text: &str) -> Result<Vec<Command>, Refusal> {
    let statements =
        lexer::statements(text).map_err(|unended| Refusal::error(SqlState::SYNTAX_ERROR, unended.0))?;
    statements.iter().map(|words| command(words)).collect()
}

fn command(tokens: &[Token]) -> Result<Command, Refusal> {
    let Some((Token::Word(verb), rest)) = tokens.split_first() else { return Err(unknown(tokens)) };
    match (verb.to_ascii_uppercase().as_str(), rest) {
        ("SHOW", rest) => show(rest).ok_or_else(|| unknown_show(rest)),
        ("PAUSE", rest) => Ok(Command::Pause(target(rest)?)),
        ("RESUME", rest) => Ok(Command::Resume(target(rest)?)),
        ("RECONNECT", rest) => Ok(Command::Reconnect(target(rest)?)),
        ("WAIT_CLOSE", rest) => Ok(Command::WaitClose(target(rest)?)),
        ("KILL", rest) => Ok(Command::Kill(target(rest)?)),
        ("KILL_CLIENT", [Token::Word(id) | Token::Quoted(id)]) => match id.parse() {
            Ok(id) => Ok(Command::KillClient(id)),
            Err(_) => Err(Refusal::error(SqlState::SYNTAX_ERROR, format!("\"{id}\" is no client's id"))
                .with_hint("SHOW CLIENTS has it in its column id.")),
        },
        ("DISABLE", [tenant]) => Ok(Command::Disable(name(tenant)?)),
        ("ENABLE", [tenant]) => Ok(Command::Enable(name(tenant)?)),
        ("SUSPEND", rest) => Ok(Command::Suspend(target(rest)?)),
        ("RELOAD", []) => Ok(Command::Reload),
        ("SHUTDOWN", rest) => Ok(Command::Shutdown(ending(rest)?)),
        ("SET", rest) => set(rest),
        ("RESET" | "DISCARD" | "DEALLOCATE", rest) if !rest.is_empty() => {
            Ok(Command::Nothing(match verb.len() {
                5 => "RESET",
                7 => "DISCARD ALL",
                _ => "DEALLOCATE",
            }))
        }
        ("BEGIN", _) | ("START", [Token::Word(_), ..]) => Ok(Command::Begin),
        ("COMMIT" | "END", _) => Ok(Command::Commit),
        ("ROLLBACK" | "ABORT", _) => Ok(Command::Rollback),
        _ => Err(unknown(tokens)),
    }
}

fn show(rest: &[Token]) -> Option<Command> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.to_ascii_uppercase()),
        Token::Quoted(_) | Token::Mark(_) => None,
    };
    match rest {
        [] => Some(Command::Show(Show::Help)),
        [one] => {
            let word = word(one)?;
            let shown = Show::ALL.iter().find(|show| show.word() == word);
            shown.map(|show| Command::Show(*show)).or_else(|| {
                let lower = word.to_ascii_lowercase();
                super::show::parameter(&lower).map(|_| Command::Parameter(lower))
            })
        }
        // As PostgreSQL calls three of its settings.
        [one, two] if word(one)? == "TIME" && word(two)? == "ZONE" => {
            Some(Command::Parameter("timezone".into()))
        }
        [one, two, three]
            if word(one)? == "TRANSACTION" && word(two)? == "ISOLATION" && word(three)? == "LEVEL" =>
        {
            Some(Command::Parameter("transaction_isolation".into()))
        }
        _ => None,
    }
}

fn set(rest: &[Token]) -> Result<Command, Refusal> {
    let plain = match rest {
        [Token::Word(scope), rest @ ..] if scope.eq_ignore_ascii_case("session") && rest.len() > 1 => rest,
        rest => rest,
    };
    let [Token::Word(key), rest @ ..] = plain else { return Err(no_setting()) };
    let key = key.to_ascii_lowercase();
    // No setting of a session is for somebody.
    if let [assignment @ .., Token::Word(word), whom] = rest
        && word.eq_ignore_ascii_case("for")
        && !assignment.is_empty()
    {
        return Ok(Command::Set(key, assigned(assignment)?, Target::Tenant(name(whom)?)));
    }
    // SET TIME ZONE, SET SESSION CHARACTERISTICS AS TRANSACTION, SET TRANSACTION: of the session, too.
    let of_session = IGNORED_SETTINGS.contains(&key.as_str())
        || matches!(key.as_str(), "time" | "characteristics" | "transaction");
    if of_session && !rest.is_empty() {
        return Ok(Command::Nothing("SET"));
    }
    Ok(Command::Set(key, assigned(rest)?, Target::All))
}

/// What is behind the key: `= value`, `TO value`, with `None` for `DEFAULT`.
fn assigned(rest: &[Token]) -> Result<Option<String>, Refusal> {
    let value = match rest {
        [Token::Mark('='), value] => value,
        [Token::Word(to), value] if to.eq_ignore_ascii_case("to") => value,
        _ => return Err(no_setting()),
    };
    match value {
        Token::Word(word) if word.eq_ignore_ascii_case("default") => Ok(None),
        Token::Word(value) | Token::Quoted(value) => Ok(Some(value.clone())),
        Token::Mark(_) => Err(no_setting()),
    }
}

fn no_setting() -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, "SET needs a key and a value")
        .with_hint("SET key = 'value', or SET limit = 'value' FOR tenant")
}

fn ending(rest: &[Token]) -> Result<Ending, Refusal> {
    match rest {
        [] => Ok(Ending::Now),
        [Token::Word(how)] if how.eq_ignore_ascii_case("wait_for_servers") => Ok(Ending::WaitForServers),
        [Token::Word(how)] if how.eq_ignore_ascii_case("wait_for_clients") => Ok(Ending::WaitForClients),
        _ => Err(Refusal::error(SqlState::SYNTAX_ERROR, "SHUTDOWN does not know that")
            .with_hint("SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]")),
    }
}

fn target(rest: &[Token]) -> Result<Target, Refusal> {
    match rest {
        [] => Ok(Target::All),
        [tenant] => Ok(Target::Tenant(name(tenant)?)),
        _ => Err(Refusal::error(SqlState::SYNTAX_ERROR, "this takes one tenant, or none for all")),
    }
}

fn name(token: &Token) -> Result<String, Refusal> {
    match token {
        Token::Word(name) => Ok(name.to_ascii_lowercase()),
        Token::Quoted(name) => Ok(name.clone()),
        Token::Mark(mark) => Err(Refusal::error(
            SqlState::SYNTAX_ERROR,
            format!("a tenant's short name was expected, not {mark:?}"),
        )),
    }
}

/// How the first words of a text are shown again.
fn front(tokens: &[Token]) -> String {
    let shown = tokens.iter().take(2).map(|token| match token {
        Token::Word(word) => word.chars().take(40).collect(),
        Token::Quoted(_) => "'…'".to_owned(),
        Token::Mark(mark) => mark.to_string(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn unknown(tokens: &[Token]) -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, format!("the console does not know \"{}\"", front(tokens)))
        .with_hint("SHOW HELP lists what it knows. It runs no SQL: connect to the database for that.")
}

fn unknown_show(rest: &[Token]) -> Refusal {
    Refusal::error(SqlState::SYNTAX_ERROR, format!("there is no SHOW {}", front(rest)))
        .with_hint("SHOW HELP lists what there is.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Report;

    fn one(text: &str) -> Command {
        let mut commands =
            parse(text).unwrap_or_else(|refusal| panic!("{text}: {}", refusal.client_message()));
        assert_eq!(commands.len(), 1, "{text}");
        commands.remove(0)
    }

    #[test]
    fn commands_are_read_whatever_their_case_and_with_quotes() {
        let acme = || Target::Tenant("acme".into());
        let set =
            |key: &str, value: Option<&str>, whom| Command::Set(key.into(), value.map(Into::into), whom);
        for (text, expected) in [
            ("SHOW POOLS", Command::Show(Show::Pools)),
            ("show stats_totals;", Command::Show(Show::StatsTotals)),
            ("show", Command::Show(Show::Help)),
            ("SHOW server_version", Command::Parameter("server_version".into())),
            ("SHOW TRANSACTION ISOLATION LEVEL", Command::Parameter("transaction_isolation".into())),
            ("pause", Command::Pause(Target::All)),
            ("PAUSE Acme;", Command::Pause(acme())),
            ("resume \"acme\"", Command::Resume(acme())),
            ("RECONNECT 'acme'", Command::Reconnect(acme())),
            ("WAIT_CLOSE", Command::WaitClose(Target::All)),
            ("KILL acme -- now", Command::Kill(acme())),
            ("KILL_CLIENT 12", Command::KillClient(12)),
            ("DISABLE acme", Command::Disable("acme".into())),
            ("ENABLE 42", Command::Enable("42".into())),
            ("SHUTDOWN", Command::Shutdown(Ending::Now)),
            ("shutdown wait_for_clients", Command::Shutdown(Ending::WaitForClients)),
            ("set pool.wait_timeout = '5s'", set("pool.wait_timeout", Some("5s"), Target::All)),
            ("SET pool.wait_timeout TO 5s", set("pool.wait_timeout", Some("5s"), Target::All)),
            ("SET pool.wait_timeout TO default", set("pool.wait_timeout", None, Target::All)),
            ("SET log.filter = 'default'", set("log.filter", Some("default"), Target::All)),
            ("SET Weight = 5 FOR Acme", set("weight", Some("5"), acme())),
            ("set weight to DEFAULT for \"acme\"", set("weight", None, acme())),
            // Without a tenant it would be a driver's.
            ("SET statement_timeout = '5s' FOR acme", set("statement_timeout", Some("5s"), acme())),
        ] {
            assert_eq!(one(text), expected, "{text}");
        }
    }

    #[test]
    fn what_drivers_say_by_themselves_is_taken() {
        for text in [
            "SET extra_float_digits = 3",
            "SET application_name = 'x'",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "set client_encoding to 'UTF8'",
            "SET TIME ZONE 'UTC'",
            "SET DateStyle = 'ISO, MDY'",
            "SET search_path = a, b",
            "DISCARD ALL",
            "RESET ALL",
            "DEALLOCATE ALL",
        ] {
            assert!(matches!(one(text), Command::Nothing(_)), "{text}");
        }
        assert_eq!((one("BEGIN READ ONLY"), one("START TRANSACTION")), (Command::Begin, Command::Begin));
        assert_eq!((one("commit"), one("ABORT")), (Command::Commit, Command::Rollback));
    }

    #[test]
    fn what_it_does_not_know_is_a_syntax_error_with_a_hint_and_never_repeats_a_constant() {
        for text in [
            "select 1",
            "show nope",
            "show pools extra",
            "pause a b",
            "disable",
            "kill_client x",
            "shutdown abort",
            "set",
            "set a",
            "set a = ",
            "set a for acme",
            "set a = b for",
            "set a = b for =",
            "set a b for acme",
            "set 'secret' = 1",
            "'secret'",
            "show 'secret",
            "= 1",
        ] {
            let refusal = parse(text).expect_err(text);
            assert_eq!(refusal.sqlstate(), SqlState::SYNTAX_ERROR, "{text}");
            assert!(!refusal.client_message().contains("secret"), "{text}");
        }
    }

    #[test]
    fn several_statements_are_read_or_none() {
        assert_eq!(parse("show version; pause; resume").unwrap().len(), 3);
        assert!(parse("pause; nonsense").is_err());
        assert_eq!(parse(" ; ").unwrap(), []);
    }

    #[test]
    fn the_log_is_told_whom_a_command_is_about_and_no_value() {
        for (text, told) in [
            ("suspend Acme", "SUSPEND \"acme\""),
            ("kill", "KILL"),
            ("kill acme", "KILL \"acme\""),
            ("set log.filter = 'x'", "SET \"log.filter\""),
            ("set weight = 5 for acme", "SET \"weight\" FOR \"acme\""),
            ("shutdown wait_for_clients", "SHUTDOWN WAIT_FOR_CLIENTS"),
        ] {
            assert_eq!(one(text).to_string(), told);
        }
    }

    #[test]
    fn only_what_looks_changes_nothing() {
        for (text, changes) in
            [("show pools", false), ("wait_close", false), ("begin", false), ("pause", true)]
        {
            assert_eq!(one(text).changes(), changes, "{text}");
        }
        for text in
            ["reload", "shutdown", "kill", "set a = b", "enable a", "suspend", "suspend a", "kill_client 1"]
        {
            assert!(one(text).changes(), "{text}");
        }
    }
}
