//! The sessions of both, and what is said in them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;
use tokio_postgres::GenericClient;

use crate::config::Config;
use crate::control::verify::attacks::{self, Parties};
use crate::control::verify::canary::pair::{Canary, Pair, TABLE};
use crate::control::verify::canary::{Attacked, PATIENCE, hole};
use crate::control::verify::{Finding, Fix, VerifyError};
use crate::server::BackendKey;
use crate::server::cancel;
use crate::server::connect::Endpoint;
use crate::server::visit::{Message, Visit};
use crate::tenant::{ClusterName, Level};
use crate::wire::{view, write};

/// The same for what may be refused for want of a server connection.
const SHORT: Duration = Duration::from_secs(3);

/// Server connections that are kept busy at most, so that the two meet on another.
const MOST_BUSY: usize = 6;

/// How often the two are brought together again, where others have come between them.
const MOST_MEETINGS: usize = 10;

/// How an attack is sent.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Query,
    Batch,
    Transaction,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Query, Self::Batch, Self::Transaction];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "as a query",
            Self::Batch => "as a batch",
            Self::Transaction => "in a transaction",
        }
    }

    /// The bytes, and how many ReadyForQuery answer them. The attack is followed by a look at the table without schema, which shows
    /// what a changed role or path would, and by the end of whatever it began.
    fn bytes(self, text: &str) -> (Vec<u8>, usize) {
        let mut out = Vec::new();
        match self {
            Self::Query => write::query(&mut out, text),
            Self::Batch => {
                write::parse(&mut out, b"", &[text.as_bytes(), b"\0\0\0"].concat());
                write::bind_text(&mut out, b"", b"", &[]);
                write::execute(&mut out, b"");
                write::sync(&mut out);
            }
            Self::Transaction => {
                write::query(&mut out, "begin");
                write::query(&mut out, text);
            }
        }
        write::query(&mut out, &format!("select pg_backend_pid(), t.* from {TABLE} t"));
        write::query(&mut out, "rollback");
        // What is kept would keep the server connection too, and the two would not meet on it.
        write::query(&mut out, "discard all");
        (out, if matches!(self, Self::Transaction) { 5 } else { 4 })
    }
}

/// Both at work.
pub(super) struct Scene<'a> {
    pair: &'a Pair,
    proxy: &'a Endpoint,
    database: &'a str,
    /// Keeps its server connection: a temporary table, a cursor, a lock, a channel.
    holder: Visit,
    /// Does small transactions.
    worker: Visit,
    /// Attacks.
    spy: Visit,
    /// Sessions of the victim's that keep server connections busy, so that the two meet on what is left.
    busy: Vec<Visit>,
    attacked: Attacked,
}

impl<'a> Scene<'a> {
    /// Logs all in and makes the victim's data. Fails unless the victim sees them, so that what shows nothing later shows something.
    pub(super) async fn set(
        admin: &impl GenericClient,
        config: &'a Config,
        proxy: &'a Endpoint,
        pair: &'a Pair,
    ) -> Result<Self, VerifyError> {
        let database = config.server.database.as_str();
        let mut worker = log_in(proxy, database, &pair.victim).await?;
        let holder = log_in(proxy, database, &pair.victim).await?;
        let mut spy = log_in(proxy, database, &pair.attacker).await?;
        for (visit, content) in [(&mut worker, pair.marker.as_str()), (&mut spy, "own")] {
            for sql in [
                format!("create table {TABLE} (id int, name text)"),
                format!(
                    "insert into {TABLE} (id, name) select n, '{content} ' || n % 3 from generate_series(1, 40) as n"
                ),
            ] {
                let said = visit.query(&sql, PATIENCE).await;
                if let Some(error) = error_in(&said) {
                    return Err(VerifyError::Proxy(format!(
                        "the proxy does not serve verify's own tenants: {error}"
                    )));
                }
            }
        }
        // What the planner knows of values is in a catalog. PostgreSQL does it with anybody's rights that owns the table.
        let analyze = format!("ANALYZE {}.\"{TABLE}\"", pair.victim.names.schema);
        admin.batch_execute(&analyze).await?;
        let attacked = Attacked {
            cluster: ClusterName::MAIN,
            level: pair.level,
            sent: 0,
            refused: 0,
            on_victims_connection: 0,
            findings: Vec::new(),
        };
        let mut scene = Self { pair, proxy, database, holder, worker, spy, busy: Vec::new(), attacked };
        scene.hold().await?;
        let own = scene.worker.query(&format!("select * from {TABLE}"), PATIENCE).await;
        if !scene.betrays(&own) {
            return Err(VerifyError::Proxy(format!(
                "a tenant of verify's own does not see its own rows through the proxy{}",
                error_in(&own).map_or_else(String::new, |error| format!(": {error}"))
            )));
        }
        Ok(scene)
    }

    /// What a session can hold, where the level and the limits allow it.
    async fn hold(&mut self) -> Result<(), VerifyError> {
        let marker = &self.pair.marker;
        for sql in [
            format!("create temp table {TABLE}_temp as select '{marker}'::text as name"),
            format!("declare {TABLE}_cursor cursor with hold for select name from {TABLE}"),
            format!("prepare {TABLE}_statement as select '{marker}', name from {TABLE}"),
            format!("select '{marker}' as said_last"),
        ] {
            self.holder.query(&sql, PATIENCE).await;
        }
        if !works(&mut self.worker).await {
            // One connection is all that a tenant has here.
            self.holder = log_in(self.proxy, self.database, &self.pair.victim).await?;
        }
        self.revive().await
    }

    /// Makes the victim take the server connection that the attacker had, and keeps it from others, so that both work on that one.
    /// A tenant is given the connection back that it had last, and would hardly meet another otherwise. Whether it came to that.
    async fn meet(&mut self) -> Result<bool, VerifyError> {
        let ask = "select pg_backend_pid()";
        let Some(process) = first_value(&self.spy.query(ask, PATIENCE).await) else { return Ok(false) };
        let mut met = false;
        for _ in 0..MOST_BUSY {
            let mut visit = log_in(self.proxy, self.database, &self.pair.victim).await?;
            visit.query("begin", SHORT).await;
            let found = first_value(&visit.query(ask, SHORT).await);
            if found.is_none() {
                break;
            }
            if found.as_ref() == Some(&process) {
                visit.query("commit", SHORT).await;
                visit.close().await;
                met = true;
                break;
            }
            self.busy.push(visit);
        }
        if !met || !works(&mut self.worker).await || !works(&mut self.spy).await {
            self.part().await;
            met = false;
        }
        self.revive().await?;
        Ok(met)
    }

    /// Gives back what [`meet`](Self::meet) keeps.
    async fn part(&mut self) {
        for mut visit in self.busy.drain(..) {
            visit.query("rollback", SHORT).await;
            visit.close().await;
        }
    }

    /// Sends every text in every way, each time right after the victim has worked.
    pub(super) async fn send_all(&mut self) -> Result<(), VerifyError> {
        let names = (&self.pair.victim.names, &self.pair.attacker.names);
        let parties =
            Parties { victim: names.0.role.as_str(), attacker: names.1.role.as_str(), table: TABLE };
        let texts = attacks::texts(parties);
        let (mut told, mut again) = (BTreeSet::new(), MOST_MEETINGS);
        self.guard(&texts[0]).await;
        if self.pair.level != Level::Shared || !self.meet().await? {
            again = 0;
        }
        for mode in Mode::ALL {
            // Several statements are no batch.
            let of_mode = texts.iter().filter(|text| !matches!(mode, Mode::Batch) || !text.contains(';'));
            for text in of_mode {
                let work = format!("select pg_backend_pid(), name from {TABLE}");
                let process = first_value(&self.worker.query(&work, PATIENCE).await);
                let (bytes, rounds) = mode.bytes(text);
                let seen = self.spy.say(&bytes, rounds, PATIENCE).await;
                self.attacked.sent += 1;
                self.attacked.refused += usize::from(error_in(&seen).is_some());
                let on_same = process.is_some() && seen.iter().any(|row| first_column(row) == process);
                self.attacked.on_victims_connection += usize::from(on_same);
                if !on_same && again > 0 {
                    self.part().await;
                    // What failed once takes long, and would again.
                    again = if self.meet().await? { again - 1 } else { 0 };
                }
                if self.betrays(&seen) && told.insert(text) {
                    self.hole(
                        "canary_read",
                        &format!("{text}, {}", mode.as_str()),
                        "the victim's marker came back",
                    );
                }
                self.revive().await?;
            }
        }
        self.part().await;
        Ok(())
    }

    /// Whether the guard that runs refuses by name, not only PostgreSQL behind it.
    async fn guard(&mut self, text: &str) {
        let seen = self.spy.query(text, PATIENCE).await;
        let by_guard = seen.iter().any(|(tag, body)| {
            *tag == b'E'
                && view::error_field(body, b'D')
                    .is_some_and(|detail| detail.starts_with(b"Refused by pgtenant"))
        });
        if !by_guard && !self.betrays(&seen) {
            self.attacked.findings.push(Finding {
                check: crate::control::verify::checks::known("canary_guard"),
                object: format!("level {}", self.pair.level.as_str()),
                found: format!("sent `{text}`: {}", error_in(&seen).unwrap_or_else(|| "no error".to_owned())),
                fix: Fix::Words(
                    "set `guard.mode` to \"enforce\" in the configuration that the proxies run with, and restart them".to_owned(),
                ),
            });
        }
    }

    /// Neither hears the other, whatever way it is said.
    pub(super) async fn notify(&mut self) -> Result<(), VerifyError> {
        let (to_victim, to_spy) =
            (format!("{}to_victim", self.pair.marker), format!("{}to_spy", self.pair.marker));
        let listen = format!("listen {TABLE}_channel");
        self.holder.query(&listen, PATIENCE).await;
        self.spy.query(&listen, PATIENCE).await;
        let says = |payload: &str| {
            [
                format!("notify {TABLE}_channel, '{payload}'"),
                format!("select pg_notify('{TABLE}_channel', '{payload}')"),
                format!("do $$ begin perform pg_notify('{TABLE}' || '_channel', '{payload}'); end $$"),
                format!("do $$ begin execute 'notify {TABLE}_channel, ''{payload}'''; end $$"),
            ]
        };
        for sql in says(&to_spy) {
            self.worker.query(&sql, PATIENCE).await;
        }
        let mut heard_by_victim = Vec::new();
        let mut second = log_in(self.proxy, self.database, &self.pair.attacker).await?;
        for sql in says(&to_victim) {
            second.query(&sql, PATIENCE).await;
        }
        second.close().await;
        // A proxy passes notifications on between transactions.
        let quarter = Duration::from_millis(250);
        heard_by_victim.extend(self.holder.hear(quarter).await);
        heard_by_victim.extend(self.holder.query("select 1", PATIENCE).await);
        let mut heard_by_spy = self.spy.hear(quarter).await;
        heard_by_spy.extend(self.spy.query("select 1", PATIENCE).await);
        let heard = |messages: &[Message], word: &str| {
            messages.iter().any(|(tag, body)| *tag == b'A' && contains(body, word.as_bytes()))
        };
        if heard(&heard_by_spy, &to_spy) {
            self.hole("canary_notify", "heard", "the attacker heard what the victim told its own");
        }
        if heard(&heard_by_victim, &to_victim) {
            self.hole("canary_notify", "imitated", "the victim heard what the attacker said");
        }
        self.holder.query(&format!("unlisten {TABLE}_channel"), PATIENCE).await;
        self.spy.query(&format!("unlisten {TABLE}_channel"), PATIENCE).await;
        self.revive().await
    }

    /// Whether a lock of the victim's is in the attacker's way.
    pub(super) async fn lock(&mut self) -> Result<(), VerifyError> {
        let taken = self.holder.query("select pg_advisory_lock(7310462)", PATIENCE).await;
        let tried = self.spy.query("select pg_try_advisory_xact_lock(7310462)", PATIENCE).await;
        if error_in(&taken).is_none() && first_value(&tried).as_deref() == Some("f") {
            self.attacked.findings.push(Finding {
                check: crate::control::verify::checks::known("canary_lock"),
                object: format!("level {}", self.pair.level.as_str()),
                found: "a lock of one tenant's kept the other from taking it".to_owned(),
                fix: Fix::Command("pgtenant init --harden".to_owned()),
            });
        }
        self.holder.query("select pg_advisory_unlock_all()", PATIENCE).await;
        self.revive().await
    }

    /// What a session of the victim's leaves in its server connection.
    pub(super) async fn leave_and_look(&mut self) -> Result<(), VerifyError> {
        for _ in 0..5 {
            let mut leaver = log_in(self.proxy, self.database, &self.pair.victim).await?;
            let marker = &self.pair.marker;
            for sql in [
                format!("set {TABLE}.left = '{marker}'"),
                format!("create temp table {TABLE}_left as select '{marker}'::text as name"),
                format!("prepare {TABLE}_left as select '{marker}'"),
                format!("declare {TABLE}_left cursor with hold for select name from {TABLE}"),
            ] {
                leaver.query(&sql, PATIENCE).await;
            }
            leaver.close().await;
            for sql in [
                format!("select current_setting('{TABLE}.left', true)"),
                format!("select * from pg_temp.{TABLE}_left"),
                format!("select * from {TABLE}_left"),
                format!("execute {TABLE}_left"),
                format!("fetch all from {TABLE}_left"),
                "select statement from pg_prepared_statements".to_owned(),
                "select name, setting from pg_settings where setting like 'mrk%'".to_owned(),
            ] {
                let seen = self.spy.query(&sql, PATIENCE).await;
                self.attacked.sent += 1;
                self.attacked.refused += usize::from(error_in(&seen).is_some());
                if self.betrays(&seen) {
                    self.hole("canary_residue", &sql, "the victim's marker came back");
                    return Ok(());
                }
                self.revive().await?;
            }
        }
        Ok(())
    }

    /// A statement of the victim's runs to its end, whatever cancel requests the attacker sends.
    pub(super) async fn cancel(&mut self) -> Result<(), VerifyError> {
        let process = first_value(&self.worker.query("select pg_backend_pid()", PATIENCE).await);
        let server_pid: i32 = process.and_then(|text| text.parse().ok()).unwrap_or_default();
        let (own, pid) = (self.spy.key.clone(), self.worker.key.pid);
        let mut keys = vec![own.clone()];
        for target in [pid, server_pid] {
            keys.push(BackendKey { pid: target, key: own.key.clone() });
            for guess in 0..8_u8 {
                keys.push(BackendKey {
                    pid: target,
                    key: own.key.iter().map(|byte| byte.wrapping_mul(guess)).collect(),
                });
            }
        }
        let (proxy, done) = (self.proxy, Cell::new(false));
        let attacking = async {
            for function in ["pg_cancel_backend", "pg_terminate_backend"] {
                // The statement is to run by then.
                tokio::time::sleep(Duration::from_millis(150)).await;
                self.spy.query(&format!("select {function}({server_pid})"), PATIENCE).await;
            }
            for key in &keys {
                // That it cannot be sent is no success.
                let _ = cancel::send(proxy, key).await;
            }
            done.set(true);
        };
        // As long as that takes.
        let worker = &mut self.worker;
        let working = async {
            let mut said = Vec::new();
            while worker.is_open() && !done.get() {
                said.extend(worker.query("select pg_sleep(0.3)", PATIENCE).await);
            }
            said
        };
        let (said, ()) = tokio::join!(working, attacking);
        self.attacked.sent += keys.len() + 2;
        let is_ended = |(tag, body): &Message| {
            let code = view::error_field(body, b'C');
            *tag == b'E' && code.is_some_and(|code| matches!(code, b"57014" | b"57P01"))
        };
        if !self.worker.is_open() || said.iter().any(is_ended) {
            self.hole("canary_cancel", "select pg_sleep(0.3)", "the victim's statement was ended");
        }
        Ok(())
    }

    /// Says good-bye.
    pub(super) async fn end(self) -> Attacked {
        for visit in [self.holder, self.worker, self.spy] {
            visit.close().await;
        }
        self.attacked
    }

    fn hole(&mut self, id: &'static str, object: &str, found: &str) {
        let object = format!("level {}: {object}", self.pair.level.as_str());
        self.attacked.findings.push(hole(id, object, found.to_owned()));
    }

    /// A session that ended, or that waits for what does not come, is replaced.
    async fn revive(&mut self) -> Result<(), VerifyError> {
        if !self.spy.is_open() {
            self.spy = log_in(self.proxy, self.database, &self.pair.attacker).await?;
        }
        if !self.worker.is_open() {
            self.worker = log_in(self.proxy, self.database, &self.pair.victim).await?;
        }
        Ok(())
    }

    /// Whether the marker is in them, as text, upper case, or in hexadecimal digits.
    fn betrays(&self, messages: &[Message]) -> bool {
        let hex: String = self.pair.marker.bytes().map(|byte| format!("{byte:02x}")).collect();
        let signs = [self.pair.marker.clone(), self.pair.marker.to_uppercase(), hex];
        messages.iter().any(|(_, body)| signs.iter().any(|sign| contains(body, sign.as_bytes())))
    }
}

/// Whether it is served.
async fn works(visit: &mut Visit) -> bool {
    let said = visit.query("select 1", SHORT).await;
    visit.is_open() && error_in(&said).is_none()
}

async fn log_in(proxy: &Endpoint, database: &str, canary: &Canary) -> Result<Visit, VerifyError> {
    let password: &SecretString = &canary.password;
    Visit::log_in(proxy, database, canary.slug.as_str(), password, PATIENCE).await.map_err(|error| {
        VerifyError::Proxy(format!("the proxy does not let verify's own tenant in: {error}"))
    })
}

fn contains(body: &[u8], sign: &[u8]) -> bool {
    body.windows(sign.len()).any(|window| window == sign)
}

/// The first error's message, with its SQLSTATE.
fn error_in(messages: &[Message]) -> Option<String> {
    let (_, body) = messages.iter().find(|(tag, _)| *tag == b'E')?;
    let field = |code| {
        view::error_field(body, code).map_or_else(String::new, |v| String::from_utf8_lossy(v).into_owned())
    };
    Some(format!("{} ({})", field(b'M'), field(b'C')))
}

/// The first column, if it is a row.
fn first_column((tag, body): &Message) -> Option<String> {
    (*tag == b'D').then(|| view::text_row(body)?.first().copied().flatten().map(str::to_owned)).flatten()
}

/// The first column of the first row.
fn first_value(messages: &[Message]) -> Option<String> {
    messages.iter().find(|(tag, _)| *tag == b'D').and_then(first_column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_asks_for_its_number_of_answers() {
        for (mode, rounds) in [(Mode::Query, 4), (Mode::Batch, 4), (Mode::Transaction, 5)] {
            let (bytes, expected) = mode.bytes("select 1");
            let count = |tag: u8| {
                let (mut rest, mut found) = (bytes.as_slice(), 0);
                while let [first, a, b, c, d, ..] = rest {
                    found += usize::from(*first == tag);
                    rest = &rest[1 + u32::from_be_bytes([*a, *b, *c, *d]) as usize..];
                }
                found
            };
            assert_eq!((expected, count(b'Q') + count(b'S')), (rounds, rounds), "{mode:?}");
        }
    }

    #[test]
    fn error_is_told_with_its_code() {
        let error = (b'E', b"SERROR\0C42501\0Mno\0\0".to_vec());
        assert_eq!(error_in(&[error]).unwrap(), "no (42501)");
        assert_eq!(error_in(&[(b'Z', b"I".to_vec())]), None);
    }
}
