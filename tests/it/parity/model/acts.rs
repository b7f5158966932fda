//! What a client may do, at random and repeatably.

use std::fmt::Write as _;

use crate::parity::random::Dice;
use crate::support::wire::{
    bind, close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal,
    describe_statement, execute, parse, query, sync,
};

/// Tenants, and clients of each.
pub(super) const TENANTS: [&str; 2] = ["a", "b"];
pub(super) const CLIENTS: usize = 6;

/// Of one client.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) client: usize,
    pub(super) act: Act,
    /// It does not wait for the step before to be answered.
    pub(super) at_once: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    /// These bytes, which one ReadyForQuery answers.
    Say(Vec<u8>),
    /// It leaves, and comes back with these startup parameters.
    Return(&'static [(&'static str, &'static str)]),
}

/// The tenant of a client.
pub(super) const fn tenant_of(client: usize) -> &'static str {
    TENANTS[client % TENANTS.len()]
}

/// `{me}` is the client's number, `{n}` a small number, `{schema}` the tenant's.
const TEXTS: &[&str] = &[
    "begin",
    "begin",
    "begin",
    "begin isolation level repeatable read",
    "begin read only",
    "start transaction",
    "commit",
    "commit",
    "commit",
    "rollback",
    "rollback",
    "commit and chain",
    "rollback and chain",
    "savepoint a",
    "rollback to a",
    "rollback to a",
    "release a",
    "set application_name = 'client {me} {n}'",
    "set local application_name = 'local {me}'",
    "reset application_name",
    "show application_name",
    "show application_name",
    "set datestyle = 'German'",
    "set datestyle = 'ISO, MDY'",
    "set local datestyle = 'SQL, DMY'",
    "reset datestyle",
    "select date '2024-02-{n}', current_setting('datestyle')",
    "set timezone = 'Asia/Tokyo'",
    "set time zone 'America/New_York'",
    "set local timezone = 'UTC'",
    "reset timezone",
    "select timestamptz '2024-01-01 12:00:00+00', current_setting('timezone')",
    "set intervalstyle = 'iso_8601'",
    "reset intervalstyle",
    "select interval '1 day 2 hours', '\\x41'::bytea, 1.1::float4",
    "set bytea_output = 'escape'",
    "set extra_float_digits = -{n}",
    "set work_mem = '{n}MB'",
    "set local work_mem = '1{n}MB'",
    "reset work_mem",
    "show work_mem",
    "set geqo = off",
    "show geqo",
    "set app.me = 'client {me}'",
    "set local app.me = 'local {me}'",
    "select set_config('app.me', 'config {me}', false)",
    "select set_config('app.me', 'local config {me}', true)",
    "select set_config('app.me', 'of ' || who, false) from things where who = {me} limit 1",
    "reset app.me",
    "select nullif(current_setting('app.me', true), '')",
    "select nullif(current_setting('app.me', true), ''), nullif(current_setting('app.other', true), '')",
    "select by_function('function {me}')",
    "do $$ begin perform set_config('app.other', 'do {me}', false); end $$",
    "do $$ begin raise notice 'said by {me}'; end $$",
    "set default_transaction_read_only = on",
    "set default_transaction_read_only = off",
    "set session characteristics as transaction isolation level repeatable read",
    "set session characteristics as transaction read write",
    "set transaction read only",
    "set transaction isolation level repeatable read",
    "select current_setting('transaction_read_only'), current_setting('transaction_isolation')",
    "set default_transaction_isolation to default",
    "set search_path = global",
    "set search_path = {schema}, global",
    "set search_path to default",
    "set local search_path = pg_catalog",
    "reset search_path",
    "select current_schemas(false)",
    "set statement_timeout = '1{n}s'",
    "show statement_timeout",
    "set constraints all deferred",
    "reset all",
    "discard all",
    "discard temp",
    "discard plans",
    "discard sequences",
    "create temp table t{n} as select {me} as me",
    "create temp table if not exists t{n} (me int)",
    "create temp table d (me int) on commit drop",
    "create temp table e (me int) on commit delete rows",
    "create temp table things as select {me} as who, 'temporary' as token",
    "create temp view v as select {me} as me",
    "insert into t{n} values ({me})",
    "insert into e values ({me})",
    "select * from t{n}",
    "select * from d",
    "select * from e",
    "drop table if exists t{n}",
    "drop table d",
    "declare c cursor for select generate_series(1, 5) + {me}",
    "declare h cursor with hold for select generate_series(1, 5) + {me}",
    "declare h scroll cursor with hold for select token from things where who = {me} order by id",
    "fetch 2 from c",
    "fetch 2 from h",
    "fetch backward 1 from h",
    "move 1 in h",
    "close c",
    "close h",
    "close all",
    "prepare p{n} as select {me}, $1::int",
    "prepare q as select who, token from things where who = $1 order by id",
    "execute p{n}({n})",
    "execute q({me})",
    "deallocate p{n}",
    "deallocate prepare q",
    "deallocate s",
    "deallocate all",
    "select pg_try_advisory_lock({n})",
    "select pg_try_advisory_lock({n}, {n})",
    "select pg_try_advisory_lock_shared({n})",
    "select pg_advisory_unlock({n})",
    "select pg_advisory_unlock_all()",
    "select pg_try_advisory_xact_lock({n})",
    "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
    "listen ch{n}",
    "listen ch{n}",
    "unlisten ch{n}",
    "unlisten *",
    "notify ch{n}, 'from {me}'",
    "notify ch{n}",
    "select pg_notify('ch{n}', 'said by {me}')",
    "select setseed(0.{n}), random()",
    "insert into things (who, token) values ({me}, 'token {me} {n}') returning who, token",
    "insert into things (who, token) values ({me}, 'token {me}'), ({me}, 'second') returning who, token",
    "insert into things (who, token) select {me}, 'many ' || g from generate_series(1, {n}) g",
    "update things set token = token || '!' where who = {me} returning token",
    "delete from things where who = {me} and token like 'many%'",
    "select who, token from things where who = {me} order by id",
    "select who, count(*) from things group by who order by who",
    "with w as (insert into things (who, token) values ({me}, 'with') returning who) select * from w",
    "insert into once values ({me}0{n}, {me})",
    "insert into once values ({me}0{n}, {me}) on conflict do nothing",
    "delete from once where who = {me}",
    "select * from once order by id",
    "insert into child values ({n})",
    "insert into child values (3)",
    "select 1/({n} - {n})",
    "select 'x{me}'::int",
    "select * from nowhere{n}",
    "selec {me}",
    "",
    "do $$ begin raise exception 'raised by {me}' using errcode = 'P0{n}01'; end $$",
    "do $$ begin create temp table if not exists t{n} (me int); insert into t{n} values ({me}); end $$",
    "copy (select who, token from things where who = {me} order by id) to stdout",
    "select current_user, current_schema()",
    "select now() = statement_timestamp()",
    "lock table things in access share mode",
    "explain (costs off) select 1",
    "truncate only_of_{me}",
    "insert into only_of_{me} values ({n}) returning id",
    "select id from only_of_{me} order by 1",
    "alter table only_of_{me} add column if not exists c{n} int",
    "alter table only_of_{me} drop column if exists c{n}",
];

/// Several statements in one text.
const SCRIPTS: &[&str] = &[
    "begin; insert into things (who, token) values ({me}, 'script'); commit",
    "begin; insert into things (who, token) values ({me}, 'undone'); rollback",
    "begin; set application_name = 'script {me}'; rollback; show application_name",
    "begin; set app.me = 'script {me}'; savepoint b; set app.me = 'inner'; rollback to b; commit",
    "insert into numbered (who) values ({me}); select lastval() = currval('numbered_id_seq')",
    "set work_mem = '7MB'; select 1/0",
    "select {me}; select {n}; select 'third'",
    "listen ch{n}; notify ch{n}, 'own {me}'",
    "begin; notify ch{n}, 'undone {me}'; rollback; notify ch{n}, 'kept {me}'",
    "begin; listen ch{n}; rollback",
    "begin; unlisten *; listen ch{n}; commit",
    "create temp table t{n} as select {me} as me; select * from t{n}; drop table t{n}",
    "begin; create temp table t{n} (me int); rollback",
    "begin; declare h cursor with hold for select {me}; rollback",
    "begin; prepare p{n} as select {me}, $1::int; rollback",
    "select pg_try_advisory_lock({n}); select pg_advisory_unlock({n})",
    "begin; select pg_try_advisory_lock({n}); rollback",
    "show application_name; show datestyle; reset all",
    "set local work_mem = '9MB'; show work_mem",
    "commit; select {me}",
    "begin; select {me}; commit; begin; insert into things (who, token) values ({me}, 'open')",
    "discard temp; select {me}",
    "set timezone = 'Europe/Paris'; set datestyle = 'SQL'; select timestamptz '2024-07-01 12:00+00'",
];

/// What touches nothing that others see, for clients who do it at once.
const APART: &[&str] = &[
    "select {me}, '{n}'",
    "show application_name",
    "select nullif(current_setting('app.me', true), ''), current_setting('datestyle')",
    "select who, token from things where who = {me} order by id",
    "update things set token = token || '+' where who = {me} returning token",
    "set application_name = 'at once {me} {n}'",
    "set app.me = 'at once {me}'",
    "set timezone = 'Asia/Tokyo'",
    "begin; set local app.me = 'x'; insert into only_of_{me} values ({n}); commit",
    "select 1/0",
    "begin; insert into only_of_{me} values ({n}); rollback",
    "insert into only_of_{me} values ({n}) returning id",
    "select count(*) from pg_prepared_statements where from_sql",
    "reset all",
    "selec",
];

const STARTUPS: &[&[(&str, &str)]] = &[
    &[],
    &[],
    &[("application_name", "started")],
    &[("datestyle", "SQL, DMY"), ("timezone", "Europe/Berlin")],
    &[("options", "-c work_mem=5MB -c geqo=off -c app.me=startup")],
    &[("options", "-c default_transaction_read_only=on"), ("application_name", "reader")],
    &[("extra_float_digits", "3"), ("client_min_messages", "warning")],
];

/// What differs where server connections are shared: see docs/compatibility.md.
/// `pg_notify` in a hardened database has channels of the tenant's own, also on a direct connection, where LISTEN has not.
const NOT_SHARED: [&str; 3] = ["do $$", "statement_timestamp", "pg_notify"];

/// For statements that are used later.
const PREPARED: &[&str] = &[
    "select {me} as me, '{n}' as n",
    "select who, token from things where who = {me} order by id",
    "select $1::int + {me}",
    "select nullif(current_setting('app.me', true), ''), current_setting('application_name')",
    "insert into things (who, token) values ({me}, $1) returning token",
    "select generate_series(1, 5) as row_of_{me}",
    "update things set token = token || $1 where who = {me}",
    "select count(*) from t{n}",
];

const NAMES: &[&str] = &["s", "s", "t", "u"];

/// Who writes a case.
struct Author<'a> {
    dice: Dice,
    rules: &'a Rules,
}

/// What is known of the stage.
pub(super) struct Rules {
    /// Of each tenant.
    pub(super) schemas: [String; 2],
    /// Whether server connections are one tenant's.
    pub(super) is_dedicated: bool,
}

fn batch(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), sync()].concat()
}

impl Author<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        self.dice.roll(sides)
    }

    /// One of the texts, for this client.
    fn text(&mut self, of: &[&str], client: usize) -> String {
        let schema = &self.rules.schemas[client % TENANTS.len()];
        let mut text = self.dice.pick(of);
        while !self.rules.is_dedicated && NOT_SHARED.iter().any(|word| text.contains(word)) {
            text = self.dice.pick(of);
        }
        let mut out = text.replace("{me}", &client.to_string()).replace("{schema}", schema);
        while out.contains("{n}") {
            out = out.replacen("{n}", &(1 + self.roll(4)).to_string(), 1);
        }
        out
    }

    /// One statement by the extended protocol.
    fn extended(&mut self, text: &str) -> Vec<u8> {
        let name = ["", "", "", "s", "t"][self.roll(5)];
        // A statement that deallocates itself is another thing on a server connection of several clients.
        let name = if text == "deallocate s" { "" } else { name };
        let run = [bind("", name, &[]), describe_portal(""), execute("", 0)].concat();
        match self.roll(4) {
            0 if !name.is_empty() => batch(&[close_statement(name), parse(name, text), run]),
            1 => batch(&[parse(name, text), describe_statement(name), run]),
            _ => batch(&[parse(name, text), run]),
        }
    }

    /// Statements and portals that outlast a batch.
    fn kept(&mut self, client: usize) -> Vec<u8> {
        let (name, other) = (self.dice.pick(NAMES), self.dice.pick(NAMES));
        let text = self.text(PREPARED, client);
        let values = [&[][..], &[], &["7"]][self.roll(3)];
        match self.roll(12) {
            0 | 1 => batch(&[parse(name, &text)]),
            2 => batch(&[close_statement(name), parse(name, &text), describe_statement(name)]),
            3..6 => batch(&[bind("", name, values), describe_portal(""), execute("", 0)]),
            6 => batch(&[describe_statement(name)]),
            7 => batch(&[close_statement(name)]),
            8 => batch(&[bind("p", name, values), execute("p", 2)]),
            9 => batch(&[execute("p", 1)]),
            10 => batch(&[execute("p", 0), close_portal("p")]),
            _ => batch(&[
                bind("", name, values),
                execute("", 0),
                bind("", name, &["7"]),
                execute("", 0),
                bind("", other, &[]),
                execute("", 1),
            ]),
        }
    }

    fn copy(&mut self, client: usize) -> Vec<u8> {
        let text = "copy things (who, token) from stdin";
        let simple = self.roll(2) == 0;
        let begin = [parse("", text), bind("", "", &[]), execute("", 0)].concat();
        let mut out = if simple { query(text) } else { begin };
        for n in 0..self.roll(4) {
            out.extend(copy_data(&format!("{client}\tcopied {n}\n")));
        }
        match self.roll(5) {
            0 => out.extend([copy_data("no number\tx\n"), copy_done()].concat()),
            1 => out.extend(copy_fail("random")),
            _ => out.extend(copy_done()),
        }
        if !simple {
            out.extend(sync());
        }
        out
    }

    /// Several statements in one implicit transaction, or in explicit ones.
    fn pipeline(&mut self, client: usize) -> Vec<u8> {
        let mut parts = Vec::new();
        for n in 0..=self.roll(4) {
            let text = self.text(TEXTS, client);
            // Where the role comes first, it is too late for an isolation level.
            if n > 0 && !self.rules.is_dedicated && text.contains("isolation level") {
                continue;
            }
            parts.push([parse("", &text), bind("", "", &[]), execute("", 0)].concat());
            // What follows in the batch would not find the settings of the startup packet.
            if text.starts_with("reset ") {
                break;
            }
        }
        batch(&parts)
    }

    fn act(&mut self, client: usize) -> Act {
        Act::Say(match self.roll(20) {
            0..7 => query(&self.text(TEXTS, client)),
            7..12 => {
                let text = self.text(TEXTS, client);
                self.extended(&text)
            }
            12..14 => query(&self.text(SCRIPTS, client)),
            14..17 => self.kept(client),
            17 => self.copy(client),
            18 => self.pipeline(client),
            _ if self.roll(3) == 0 => return Act::Return(STARTUPS[self.roll(STARTUPS.len())]),
            _ => query("rollback"),
        })
    }

    /// What nobody else is touched by, for all at once.
    fn together(&mut self) -> Vec<Step> {
        let one = |client| {
            let text = self.text(APART, client);
            let single = !text.contains(';') && self.roll(2) == 0;
            let bytes = if single { self.extended(&text) } else { query(&text) };
            Step { client, act: Act::Say(bytes), at_once: client > 0 }
        };
        (0..CLIENTS).map(one).collect()
    }
}

/// All that the clients do, in this order.
pub(super) fn case(seed: u64, steps: u64, rules: &Rules) -> Vec<Step> {
    let mut author = Author { dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)), rules };
    let mut all = Vec::new();
    for client in 0..CLIENTS {
        let startup = STARTUPS[author.roll(STARTUPS.len())];
        all.push(Step { client, act: Act::Return(startup), at_once: false });
    }
    let mut client = 0;
    for _ in 0..steps {
        if author.roll(12) == 0 {
            all.extend(author.together());
            continue;
        }
        // Often the same one goes on.
        if author.roll(3) > 0 {
            client = author.roll(CLIENTS);
        }
        all.push(Step { client, act: author.act(client), at_once: false });
    }
    all
}

impl Step {
    /// What it says.
    pub(super) fn text(&self) -> String {
        match &self.act {
            Act::Say(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Act::Return(_) => String::new(),
        }
    }

    /// Whether a transaction block begins in it.
    pub(super) fn begins_block(&self) -> bool {
        self.text().contains("begin")
    }

    /// Whether its client may keep its server connection for it.
    pub(super) fn may_pin(&self) -> bool {
        let text = self.text();
        ["lock", "hold", "temp", "prepare", "execute", "do $$", "function"]
            .iter()
            .any(|word| text.contains(word))
    }

    /// Whether it is a text that ends the transaction it is in and goes on, which is not the same where server
    /// connections are shared: see docs/compatibility.md.
    pub(super) fn ends_and_goes_on(&self) -> bool {
        let text = self.text();
        ["commit; ", "rollback; "].iter().any(|end| text.contains(end))
    }
}

/// For people.
pub(super) fn told(steps: &[Step]) -> String {
    let mut text = String::new();
    for (n, step) in steps.iter().enumerate() {
        let at_once = if step.at_once { " at once" } else { "" };
        let what = match &step.act {
            Act::Say(bytes) => String::from_utf8_lossy(bytes).replace('\0', "·"),
            Act::Return(startup) => format!("comes back with {startup:?}"),
        };
        let _ =
            writeln!(text, "  {n}: client {} of {}{at_once}: {what}", step.client, tenant_of(step.client));
    }
    text
}
