//! Random SQL with the real names of both tenants, and conversations with broken bytes, through the proxy.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::attack::served::{Beside, assert_safe};
use crate::attack::world::{World, alive, assert_no_panic, converse, lines};
use crate::support::proxy::PASSWORD;
use crate::support::wire::{
    Message, V3_0, Wire, bind, copy_data, describe_portal, execute, parse, query, startup, sync, unnamed,
};

/// For one run of the random SQL, as long as it has sent [`LEAST`].
const TIME: Duration = Duration::from_secs(10);

/// Statements in a run on any machine.
const LEAST: usize = 300;

/// Statements in a run that is not cut short by [`TIME`].
const STATEMENTS: usize = 4000;

/// Repeatable random choices.
struct Dice(u64);

impl Dice {
    /// Seeded by `PGTENANT_FUZZ_SEED`, or at random; a test prints its seed, to be repeated.
    fn new() -> Self {
        let seed = std::env::var("PGTENANT_FUZZ_SEED").map_or_else(
            |_| uuid::Uuid::new_v4().as_u64_pair().0,
            |seed| seed.parse().expect("PGTENANT_FUZZ_SEED is a number"),
        );
        Self(seed | 1)
    }

    /// Below `sides`, by xorshift64*.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    /// A text by the grammar: `{name}` stands for one of the choices of that name.
    fn grow(&mut self, pattern: &str, depth: usize, out: &mut String) {
        let mut rest = pattern;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            let (name, after) = after[1..].split_once('}').expect("a closing brace");
            out.push_str(before);
            let (_, choices) = GRAMMAR.iter().find(|(rule, _)| *rule == name).expect(name);
            // The first choice ends; the others may go deeper.
            let choice = if depth == 0 { choices[0] } else { self.pick(choices) };
            self.grow(choice, depth.saturating_sub(1), out);
            rest = after;
        }
        out.push_str(rest);
    }

    fn statement(&mut self) -> String {
        let mut text = String::new();
        self.grow("{statement}", 9, &mut text);
        // Some are torn apart.
        match self.roll(12) {
            0 => {
                let words: Vec<&str> = text.split(' ').collect();
                (0..words.len()).map(|_| self.pick(&words)).collect::<Vec<_>>().join(" ")
            }
            1 => {
                let at = self.roll(text.len() + 1);
                let odd =
                    self.pick(&["'", "\"", "$$", "/*", "--", ";", "\\", "(", "U&\"", "\u{feff}", "\n", "::"]);
                let at = (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
                text.insert_str(at, odd);
                text
            }
            _ => text,
        }
    }
}

/// Rules; the first choice of each leads to an end.
const GRAMMAR: &[(&str, &[&str])] = &[
    (
        "statement",
        &[
            "table {relation}",
            "{select}",
            "{select}",
            "{select}",
            "with q as ({select}) select * from q, {relation} as r",
            "insert into {relation} {select}",
            "update {relation} set {column} = {expression} where {expression} is not null returning *",
            "delete from {relation} using {relation} as u where {expression} = {expression}",
            "explain (analyze, verbose) {select}",
            "create table fuzz as {select}",
            "create or replace view fuzz as {select}",
            "create function fuzz() returns text language sql as $f$ {select} $f$",
            "create or replace function fuzz() returns void language plpgsql as $f$ begin {block} end $f$; select fuzz()",
            "do $f$ begin {block} end $f$",
            "copy ({select}) to stdout",
            "prepare fuzz as {select}; execute fuzz; deallocate all",
            "declare fuzz cursor with hold for {select}; fetch all from fuzz; close all",
            "set {setting} = {value}; {select}; reset all",
            "begin; {select}; {statement}; rollback",
            "alter table {relation} set schema {schema}",
            "grant select on {relation} to {role}",
            "drop {kind} if exists {relation} cascade",
            "comment on {kind} {relation} is '{text}'",
            "lock table {relation}",
            "truncate {relation}",
            "analyze {relation}; {select}",
            "merge into {relation} t using {relation} s on {expression} is null when matched then do nothing",
            "call {function}({expression})",
            "create domain fuzz as {type} check ({expression} is not null); select ({expression})::fuzz",
            "create rule fuzz as on insert to {relation} do also {select}",
            "alter role {role} set {setting} = {value}",
            "savepoint s; {select}; rollback to s",
        ],
    ),
    (
        "block",
        &[
            "null;",
            "perform {expression};",
            "raise notice '%', ({select});",
            "execute 'table ' || {name};",
            "execute {name};",
            "execute format('select * from %s', {name});",
            "begin {block} exception when others then raise notice '%', sqlerrm; end;",
            "{block} {block}",
        ],
    ),
    (
        "select",
        &[
            "select * from {relation}",
            "select {expression}",
            "select {expression}, {column} from {relation} where {expression} = {expression}",
            "select * from {relation} a join {relation} b on {expression} is not distinct from {expression}",
            "select * from {relation}, lateral ({select}) as l",
            "({select}) union all ({select})",
            "select {column} from {relation} order by {expression} limit 5",
            "select {expression} from {relation} group by 1 having {expression} is not null",
            "select array(select {column} from {relation})",
            "select * from {relation} tablesample bernoulli (100)",
            "select * from {function}({expression}) as f",
            "select row({expression}, {expression})::text",
        ],
    ),
    (
        "expression",
        &[
            "1",
            "{column}",
            "'{text}'",
            "{name}",
            "{name}::{type}",
            "({expression})::{type}",
            "{function}({expression})",
            "{function}({expression}, {expression})",
            "set_config({name}, {name}, false)",
            "query_to_xml('table ' || {name}, true, true, '')",
            "query_to_xml('{select_plain}', true, true, '')",
            "table_to_xml({name}::regclass, true, true, '')",
            "lo_get(4711)",
            "nextval({name})",
            "(select {column} from {relation} limit 1)",
            "case when {expression} is null then {expression} else {expression} end",
            "coalesce({expression}, {expression})",
            "array[{expression}]",
            "exists (select from {relation})",
            "{expression} operator({schema}.=) {expression}",
            "current_setting({name}, true)",
            "row_to_json({column})",
        ],
    ),
    (
        "select_plain",
        &[
            "table tenant_beta.customers",
            "select current_user",
            "select name from customers",
            "select set_config(''role'', ''tenant_beta'', false)",
        ],
    ),
    (
        "name",
        &[
            "'customers'",
            "'tenant_beta.customers'",
            "'tenant_' || 'beta.customers'",
            "concat('tenant_', 'beta', '.', 'notes_of_beta')",
            "'tenant_beta'",
            "'tenant_' || reverse('ateb')",
            "'ro' || 'le'",
            "'search_path'",
            "'set role tenant_beta'",
            "'table tenant_' || 'beta.customers'",
            "chr(116) || 'enant_beta'",
            "(select nspname from pg_namespace where nspname like '%beta' limit 1)",
            "(select string_agg(oid::regclass::text, ',') from pg_class where relname = 'customers')",
            "'tenant_beta.customers_id_seq'",
            "quote_ident('tenant_beta') || '.' || quote_ident('customers')",
        ],
    ),
    (
        "relation",
        &[
            "customers",
            "customers",
            "customers",
            "tickets",
            "tickets",
            "tickets",
            "generate_series(1, 3)",
            "(values (1, 'x')) as customers(id, name)",
            "pg_tables",
            "pg_settings",
            "pg_proc",
            "pg_stats",
            "pg_stat_activity",
            "tenant_alpha.customers",
            "global.messages",
            "global.messages",
            "global.names",
            "tenant_beta.customers",
            "tenant_beta . notes_of_beta",
            "\"tenant_beta\".\"v\"",
            "U&\"tenant\\005fbeta\".customers",
            "public.customers",
            "pgtenant.tenants",
            "base_template.customers",
            "pg_stats",
            "pg_stat_activity",
            "pg_statistic",
            "pg_largeobject",
            "pg_class",
            "pg_temp.secrets",
            "pg_temp_3.secrets",
            "information_schema.columns",
            "fuzz",
            "app.tenant_beta.customers",
        ],
    ),
    (
        "column",
        &[
            "id",
            "name",
            "id",
            "name",
            "id",
            "name",
            "1",
            "*",
            "body",
            "email",
            "ctid",
            "tableoid::regclass",
            "customers",
            "query",
            "most_common_vals",
            "a.name",
            "tenant_beta.customers.name",
        ],
    ),
    (
        "schema",
        &["tenant_alpha", "tenant_beta", "global", "pg_catalog", "public", "pg_temp", "\"TENANT_BETA\""],
    ),
    ("role", &["tenant_alpha", "tenant_beta", "public", "current_user", "postgres", "none"]),
    (
        "setting",
        &[
            "work_mem",
            "search_path",
            "role",
            "session_authorization",
            "\"Role\"",
            "client_encoding",
            "row_security",
            "local role",
        ],
    ),
    ("value", &["'1MB'", "'tenant_beta'", "tenant_beta, tenant_alpha", "default", "'GBK'", "off", "none"]),
    (
        "type",
        &[
            "text",
            "regclass",
            "tenant_beta.customers",
            "tenant_beta.mood",
            "regrole",
            "regnamespace",
            "xml",
            "name",
            "tenant_beta.d",
            "text[]",
            "int",
        ],
    ),
    (
        "function",
        &[
            "lower",
            "leak",
            "concat",
            "concat_ws",
            "to_jsonb",
            "format",
            "quote_literal",
            "leak",
            "tenant_beta.f",
            "tenant_beta.tell",
            "to_regclass",
            "pg_get_viewdef",
            "pg_relation_size",
            "lo_get",
            "global.crosstab",
            "ts_stat",
            "currtid2",
            "pg_terminate_backend",
            "pg_read_file",
            "set_config",
            "fuzz",
            "jsonb_agg",
            "pg_stat_get_activity",
            "has_table_privilege",
        ],
    ),
    (
        "kind",
        &["table", "view", "function", "schema", "sequence", "type", "materialized view", "large object"],
    ),
    ("text", &["x", "tenant_beta.customers", "$$", "'' || ''", "\\", "é", "%", "4711"]),
];

#[test]
fn random_sql_with_names_of_both_tenants_never_shows_a_row_of_the_other() {
    let world = World::kept();
    let _turn = world.turn();
    let beside = Beside::start(world);
    let mut dice = Dice::new();
    println!("random SQL: PGTENANT_FUZZ_SEED={}", dice.0);
    let (mut sent, mut refused, mut failed) = (0, 0, 0);
    // A product of large catalogs would take the time of a thousand other statements.
    let hurried = || world.proxy.wire_with("alpha", &[("statement_timeout", "300ms")]).expect("login");
    let (begin, mut wire) = (Instant::now(), hurried());
    while sent < LEAST || (sent < STATEMENTS && begin.elapsed() < TIME) {
        let sql = dice.statement();
        let message = if dice.roll(3) == 0 { [unnamed(&sql, &[]), sync()].concat() } else { query(&sql) };
        let seen = converse(&mut wire, &message, 1);
        assert_safe(world, &seen, &sql);
        sent += 1;
        if let Some(error) = lines(&seen).iter().find(|line| line.starts_with("Error")) {
            refused += usize::from(error.contains("scope") || error.contains("pgtenant"));
            failed += 1;
        }
        if !alive(&seen) || dice.roll(200) == 0 {
            wire = hurried();
        } else if seen.last().is_some_and(|ready| ready.body != b"I") {
            assert_safe(world, &converse(&mut wire, &query("rollback"), 1), &sql);
        }
    }
    drop(wire);
    let rounds = beside.end();
    println!(
        "random SQL: {sent} statements, {failed} failed, {refused} of them for names out of scope, {rounds} rounds of beta"
    );
    // Views of alpha's on what all share are no change of that.
    world.restore_alpha();
    world.assert_untouched("random SQL");
    assert_no_panic();
}

/// What a client may say from its first byte on, in parts.
fn conversation(dice: &mut Dice, user: &str) -> Vec<u8> {
    let parameters = [("user", user), ("database", "app"), ("application_name", "fuzz")];
    let mut bytes = startup(V3_0, &parameters);
    for _ in 0..dice.roll(6) {
        bytes.extend(some_messages(dice));
    }
    bytes
}

fn some_messages(dice: &mut Dice) -> Vec<u8> {
    let sql = dice.statement();
    match dice.roll(6) {
        0 => query(&sql),
        1 => [unnamed(&sql, &[]), sync()].concat(),
        2 => [parse("s", &sql), bind("", "s", &["1"]), describe_portal(""), execute("", 2), sync()].concat(),
        3 => [query("copy tickets from stdin"), copy_data("1\t1\tx\n")].concat(),
        4 => [query("begin"), query(&sql)].concat(),
        _ => [parse("", "select $1"), bind("p", "", &["x"]), execute("p", 0), sync()].concat(),
    }
}

/// Changes a few bytes, cuts, doubles, or makes a length wrong.
fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        if bytes.is_empty() {
            return;
        }
        match dice.roll(6) {
            0 => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
            1 => bytes[at] ^= 1 << dice.roll(8),
            2 => bytes.truncate(at),
            3 => {
                let piece = bytes[at..(at + 16).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => bytes.insert(at, 0),
            _ => {
                bytes.remove(at);
            }
        }
    }
}

/// What comes until the end: nothing but whole messages.
fn rest(wire: &mut Wire) -> Vec<Message> {
    // Whoever was thrown out has nothing left to close.
    let _ = wire.stream().shutdown(Shutdown::Write);
    std::iter::from_fn(|| wire.try_recv()).collect()
}

#[test]
fn conversations_with_broken_bytes_end_and_hurt_nobody() {
    let world = World::kept();
    let _turn = world.turn();
    let beside = Beside::start(world);
    let mut dice = Dice::new();
    println!("broken bytes: PGTENANT_FUZZ_SEED={}", dice.0);
    for round in 0..400 {
        let before_login = round % 4 == 0;
        let mut wire = if before_login { Wire::dial(world.proxy.addr()) } else { world.proxy.wire("alpha") };
        let mut bytes =
            if before_login { conversation(&mut dice, "alpha") } else { some_messages(&mut dice) };
        if !before_login {
            bytes.extend(some_messages(&mut dice));
        }
        mutate(&mut dice, &mut bytes);
        wire.try_send(&bytes);
        // A request for encryption is answered by a byte that is no message.
        if before_login && bytes.get(4..7) == Some(&[4, 210, 22]) {
            continue;
        }
        assert_safe(world, &rest(&mut wire), &String::from_utf8_lossy(&bytes));
    }
    let rounds = beside.end();
    println!("broken bytes: 400 conversations, {rounds} rounds of beta");
    // Wrong passwords, and everything else: who logs in now is served.
    let parameters = [("user", "alpha"), ("database", "app")];
    let mut wire = Wire::log_in(world.proxy.addr(), &parameters, PASSWORD).expect("login");
    assert_eq!(wire.value("select current_user"), "tenant_alpha");
    // Views of alpha's on what all share are no change of that.
    world.restore_alpha();
    world.assert_untouched("broken bytes");
    assert_no_panic();
}
