//! [`Conversation`]: messages of a client go in, the bytes of the answers come out. Simple queries and the extended
//! protocol, without parameters.

use std::collections::HashMap;

use crate::console::command::parse;
use crate::console::table::Format;
use crate::console::{Command, Show, Table, help, messages, show};
use crate::error::SqlState;
use crate::session::Refusal;
use crate::wire::view::{self, Target};
use crate::wire::write;

/// Prepared statements, and portals, that one client may have at once.
const MAX_NAMES: usize = 64;

/// Does what commands say.
pub trait Run {
    /// Does it; returns when it is done.
    fn run(&mut self, command: &Command) -> impl Future<Output = Result<Done, Refusal>> + Send;
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Rows.
    Table(Table),
    /// It was done, and this is to be known.
    Note(Option<String>),
}

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It does.
    Go,
    /// The client said good-bye, or broke the protocol.
    End,
}

/// See the module.
#[derive(Debug)]
pub struct Conversation {
    /// As in ReadyForQuery.
    status: u8,
    /// After an error everything is left out until a Sync.
    skips: bool,
    statements: HashMap<Vec<u8>, Option<Command>>,
    portals: HashMap<Vec<u8>, Portal>,
}

#[derive(Debug)]
struct Portal {
    command: Option<Command>,
    formats: Vec<Format>,
    /// What it gave and is not sent yet.
    rows: Option<(Table, usize)>,
    is_done: bool,
}

impl Portal {
    fn format(&self, column: usize) -> Format {
        match self.formats.as_slice() {
            [] => Format::Text,
            [all] => *all,
            each => each.get(column).copied().unwrap_or(Format::Text),
        }
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self { status: b'I', skips: false, statements: HashMap::new(), portals: HashMap::new() }
    }
}

impl Conversation {
    /// Takes one message; what is to be answered is appended to `out`.
    pub async fn on_message(
        &mut self,
        tag: u8,
        body: &[u8],
        run: &mut (impl Run + Send),
        out: &mut Vec<u8>,
    ) -> Next {
        if self.skips && !matches!(tag, b'S' | b'X') {
            return Next::Go;
        }
        let answered = match tag {
            b'X' => return Next::End,
            b'Q' => {
                self.query(body, run, out).await;
                write::ready_for_query(out, self.status);
                return Next::Go;
            }
            b'S' => {
                self.skips = false;
                if self.status == b'I' {
                    self.portals.clear();
                }
                write::ready_for_query(out, self.status);
                return Next::Go;
            }
            b'H' => return Next::Go,
            b'P' => self.prepare(body, out),
            b'B' => self.bind(body, out),
            b'D' => self.describe(body, out),
            b'C' => self.close(body, out),
            b'E' => self.execute(body, run, out).await,
            b'F' => Err(Refusal::error(SqlState::FEATURE_NOT_SUPPORTED, "the console has no functions")),
            b'd' | b'c' | b'f' => return Next::Go, // of a COPY that failed, as a server does
            _ => {
                let message = format!("invalid frontend message type {tag}");
                write::error(out, &Refusal::protocol(message));
                return Next::End;
            }
        };
        if let Err(refusal) = answered {
            self.fail(&refusal, out);
            self.skips = true;
        }
        Next::Go
    }

    fn fail(&mut self, refusal: &Refusal, out: &mut Vec<u8>) {
        write::error(out, refusal);
        if self.status == b'T' {
            self.status = b'E';
        }
    }

    async fn query(&mut self, body: &[u8], run: &mut (impl Run + Send), out: &mut Vec<u8>) {
        // As a server does: the unnamed ones are gone.
        self.statements.remove(&b""[..]);
        self.portals.remove(&b""[..]);
        let read = view::query(body).ok_or_else(malformed).and_then(text).and_then(parse);
        let commands = match read {
            Ok(commands) => commands,
            Err(refusal) => return self.fail(&refusal, out),
        };
        if commands.is_empty() {
            messages::bare(out, b'I');
        }
        for command in &commands {
            let done = self.perform(command, run, out).await;
            let told = done.map(|done| {
                if let Done::Table(table) = &done {
                    messages::row_description(out, &messages::described(table.columns), |_| false);
                    table.rows.iter().for_each(|row| table.write_row(out, row, |_| Format::Text));
                }
                self.complete(command, out);
            });
            if let Err(refusal) = told {
                return self.fail(&refusal, out);
            }
        }
    }

    /// Does what a command says, as far as the state of the transaction allows.
    async fn perform(
        &mut self,
        command: &Command,
        run: &mut (impl Run + Send),
        out: &mut Vec<u8>,
    ) -> Result<Done, Refusal> {
        match command {
            Command::Commit | Command::Rollback | Command::Begin if self.status != b'E' => {}
            Command::Commit | Command::Rollback => {}
            _ if self.status == b'E' => {
                return Err(Refusal::error(
                    SqlState::IN_FAILED_SQL_TRANSACTION,
                    "current transaction is aborted, commands ignored until end of transaction block",
                ));
            }
            Command::Show(Show::Help) => {
                messages::notice(out, "Console usage", Some(&help::text()));
                return Ok(Done::Note(None));
            }
            Command::Parameter(name) => return show::parameter(name).map(Done::Table).ok_or_else(malformed),
            Command::Nothing(_) | Command::Begin => {}
            command => {
                let done = run.run(command).await?;
                if let Done::Note(Some(note)) = &done {
                    messages::notice(out, note, None);
                }
                return Ok(done);
            }
        }
        Ok(Done::Note(None))
    }

    /// Tells that a command is done.
    fn complete(&mut self, command: &Command, out: &mut Vec<u8>) {
        let failed = self.status == b'E';
        match command {
            Command::Begin => self.status = b'T',
            Command::Commit | Command::Rollback => self.status = b'I',
            _ => {}
        }
        let undone = failed && *command == Command::Commit;
        messages::command_complete(out, if undone { "ROLLBACK" } else { command.tag() });
    }

    fn prepare(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let parsed = view::Parse::read(body).ok_or_else(malformed)?;
        let mut commands = parse(text(parsed.text)?)?;
        let parameters = parsed.definition.len() > parsed.text.len() + 3;
        if parameters {
            return Err(no_parameters());
        }
        if commands.len() > 1 {
            return Err(Refusal::error(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        if !parsed.name.is_empty() && self.statements.contains_key(parsed.name) {
            let name = String::from_utf8_lossy(parsed.name);
            return Err(Refusal::error(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        make_room(&self.statements)?;
        self.statements.insert(parsed.name.to_vec(), commands.pop());
        messages::bare(out, b'1');
        Ok(())
    }

    fn bind(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let names = view::BindNames::read(body).ok_or_else(malformed)?;
        let command =
            self.statements.get(names.statement).cloned().ok_or_else(|| unknown(names.statement))?;
        let rest = body.get(names.len..).ok_or_else(malformed)?;
        let (formats, rest) = words(rest).ok_or_else(malformed)?;
        let (count, rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        if u16::from_be_bytes(*count) > 0 || formats.len() > 1 {
            return Err(no_parameters());
        }
        let (formats, rest) = words(rest).ok_or_else(malformed)?;
        if !rest.is_empty() || formats.iter().any(|format| *format > 1) {
            return Err(malformed());
        }
        let formats = formats.iter().map(|word| if *word == 1 { Format::Binary } else { Format::Text });
        self.portals.remove(&b""[..]);
        make_room(&self.portals)?;
        let portal = Portal { command, formats: formats.collect(), rows: None, is_done: false };
        self.portals.insert(names.portal.to_vec(), portal);
        messages::bare(out, b'2');
        Ok(())
    }

    fn describe(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match view::target(body).ok_or_else(malformed)? {
            Target::Statement(name) => {
                let command = self.statements.get(name).ok_or_else(|| unknown(name))?;
                messages::no_parameters(out);
                describe(command.as_ref(), |_| false, out);
            }
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                describe(portal.command.as_ref(), |at| portal.format(at) == Format::Binary, out);
            }
        }
        Ok(())
    }

    fn close(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match view::target(body).ok_or_else(malformed)? {
            Target::Statement(name) => drop(self.statements.remove(name)),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
        out.extend(write::CLOSE_COMPLETE);
        Ok(())
    }

    async fn execute(
        &mut self,
        body: &[u8],
        run: &mut (impl Run + Send),
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let (name, rest) = view::cstr(body).ok_or_else(malformed)?;
        let most: [u8; 4] = rest.try_into().map_err(|_| malformed())?;
        let most = usize::try_from(i32::from_be_bytes(most)).ok().filter(|most| *most > 0);
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let answered = self.execute_portal(&mut portal, most, run, out).await;
        self.portals.insert(name.to_vec(), portal);
        answered
    }

    async fn execute_portal(
        &mut self,
        portal: &mut Portal,
        most: Option<usize>,
        run: &mut (impl Run + Send),
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Some(command) = portal.command.clone() else {
            messages::bare(out, b'I');
            return Ok(());
        };
        if portal.is_done {
            return Err(Refusal::error(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "this portal cannot be run any more",
            )
            .with_hint("Bind it again."));
        }
        if portal.rows.is_none()
            && let Done::Table(table) = self.perform(&command, run, out).await?
        {
            portal.rows = Some((table, 0));
        }
        if let Some((table, sent)) = portal.rows.take() {
            let end = most.map_or(table.rows.len(), |most| (sent + most).min(table.rows.len()));
            for row in &table.rows[sent..end] {
                table.write_row(out, row, |column| portal.format(column));
            }
            if most.is_some_and(|most| end - sent == most) && end <= table.rows.len() {
                portal.rows = Some((table, end));
                messages::bare(out, b's');
                return Ok(());
            }
        }
        portal.is_done = true;
        self.complete(&command, out);
        Ok(())
    }
}

/// What a command will give.
fn describe(command: Option<&Command>, binary: impl Fn(usize) -> bool, out: &mut Vec<u8>) {
    let columns = match command {
        Some(Command::Show(show)) => show::columns(*show),
        Some(Command::Parameter(name)) => show::parameter(name).map_or(&[][..], |table| table.columns),
        _ => &[],
    };
    if columns.is_empty() {
        messages::bare(out, b'n');
    } else {
        messages::row_description(out, &messages::described(columns), binary);
    }
}

fn make_room<T>(names: &HashMap<Vec<u8>, T>) -> Result<(), Refusal> {
    if names.len() < MAX_NAMES {
        return Ok(());
    }
    Err(Refusal::error(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("the console keeps {MAX_NAMES} of these at most"),
    )
    .with_hint("Close what is not needed any more."))
}

/// A list of 16-bit words behind their number.
fn words(bytes: &[u8]) -> Option<(Vec<u16>, &[u8])> {
    let (count, rest) = bytes.split_first_chunk()?;
    let (words, rest) = rest.split_at_checked(2 * usize::from(u16::from_be_bytes(*count)))?;
    let words = words.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]]));
    Some((words.collect(), rest))
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| Refusal::not_utf8(&bytes[error.valid_up_to()..]))
}

fn malformed() -> Refusal {
    Refusal::error(SqlState::PROTOCOL_VIOLATION, "malformed message")
}

fn no_parameters() -> Refusal {
    Refusal::error(SqlState::FEATURE_NOT_SUPPORTED, "statements of the console have no parameters")
        .with_hint("Write the value into the statement.")
}

fn unknown(name: &[u8]) -> Refusal {
    let name = String::from_utf8_lossy(name);
    Refusal::error(
        SqlState::INVALID_SQL_STATEMENT_NAME,
        format!("prepared statement \"{name}\" does not exist"),
    )
}

fn no_portal(name: &[u8]) -> Refusal {
    let name = String::from_utf8_lossy(name);
    Refusal::error(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}

#[cfg(test)]
mod tests;
