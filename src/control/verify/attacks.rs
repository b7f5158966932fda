//! What one tenant sends to reach another. Only what could do no harm to anybody else if it succeeded: `pgtenant verify` sends it
//! on systems in use. The tests send it too, with much more (`tests/it/attack/list.rs`).

/// Whom the attacks are about.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// Schema and role of the victim.
    pub victim: &'a str,
    /// Schema and role of the attacker.
    pub attacker: &'a str,
    /// A table that both have, with a column `name`.
    pub table: &'a str,
}

/// `{victim}`, `{attacker}` and `{table}` stand for the names of [`Parties`], `{made}` for SQL that makes the victim's name while it
/// runs, so that no text shows it, and `{oid}` for SQL that finds the number of its table.
const ATTACKS: &[&str] = &[
    // By its name.
    "select * from {victim}.{table}",
    "table {victim}.{table}",
    "select t.* from \"{victim}\".\"{table}\" as t",
    "with x as (select name from {victim}.{table}) select * from x",
    "select (select name from {victim}.{table} limit 1)",
    "select to_json(x) from {victim}.{table} x",
    "explain (analyze, verbose) select * from {victim}.{table}",
    "select * from {table} where name in (select name from {victim}.{table})",
    "insert into {table} (name) select name from {victim}.{table} returning name",
    "copy {victim}.{table} to stdout",
    "copy (select * from {victim}.{table}) to stdout (format binary)",
    "create table {attacker}.sneak as table {victim}.{table}; table {attacker}.sneak",
    "create view {attacker}.sneak as table {victim}.{table}; table {attacker}.sneak",
    "create materialized view {attacker}.sneak as table {victim}.{table}; table {attacker}.sneak",
    "prepare sneak as table {victim}.{table}; execute sneak",
    "declare sneak cursor with hold for table {victim}.{table}; fetch all from sneak",
    "create table {attacker}.sneak (like {victim}.{table} including all); table {attacker}.sneak",
    "create table {attacker}.sneak () inherits ({victim}.{table}); table {attacker}.sneak",
    "alter table {table} inherit {victim}.{table}",
    "insert into {victim}.{table} (name) values ('changed')",
    "update {victim}.{table} set name = 'changed' returning *",
    "delete from {victim}.{table} returning *",
    "truncate {victim}.{table}",
    "copy {victim}.{table} (name) from stdin",
    "lock table {victim}.{table} in access share mode",
    "alter table {victim}.{table} add column changed int",
    "alter table {victim}.{table} owner to {attacker}",
    "drop table {victim}.{table}",
    "create table {victim}.sneak (a int)",
    "create index on {victim}.{table} (name)",
    "create rule sneak as on insert to {victim}.{table} do also nothing",
    "comment on table {victim}.{table} is 'changed'",
    "vacuum (full, analyze) {victim}.{table}",
    "drop schema {victim} cascade",
    "alter schema {victim} owner to {attacker}",
    "alter table {table} set schema {victim}",
    // By the search path.
    "set search_path = {victim}; table {table}",
    "set search_path = '{victim}', pg_catalog; table {table}",
    "begin; set local search_path to {victim}; table {table}; commit",
    "select set_config('search_path', '{victim}', false); table {table}",
    "select set_config(concat('search', '_path'), {made}, false); table {table}",
    "alter role {attacker} set search_path = '{victim}'",
    // By another role.
    "set role {victim}; table {table}",
    "set local role {victim}; set session authorization default; set role none; reset role; select current_user",
    "set session authorization {victim}; table {table}",
    "reset role; reset session authorization; table {victim}.{table}",
    "discard all; table {victim}.{table}",
    "select set_config('role', '{victim}', false); table {table}",
    "select set_config(n, v, false) from (values ('ro' || 'le', {made})) as x(n, v); table {table}",
    "select set_config(lower('ROLE'), {made}, false); select current_user; table {table}",
    "select set_config(n, v, false) from (values ('session_' || 'authorization', {made})) as x(n, v); table {table}",
    "update pg_settings set setting = {made} where name = concat('ro', 'le')",
    "grant {victim} to {attacker}",
    "alter role {attacker} superuser",
    "alter role {attacker} bypassrls",
    "alter role {victim} password 'changed'",
    "alter role {attacker} set role = {victim}",
    "grant usage on schema {victim} to {attacker}; grant all on all tables in schema {victim} to {attacker}",
    "revoke all on schema {victim} from {victim}",
    "alter default privileges for role {victim} grant select on tables to public",
    "reassign owned by {victim} to {attacker}",
    "drop owned by {victim} cascade",
    // By code whose text shows nothing.
    "do $$ begin execute 'select * from ' || {made} || '.{table}'; end $$",
    "do $$ declare r record; begin for r in execute format('select * from %I.%I', {made}, '{table}') loop raise notice '%', r; end loop; end $$",
    "do $$ declare c refcursor; r record; begin open c for execute 'table ' || {made} || '.{table}'; fetch c into r; raise notice '%', r; end $$",
    "do $$ begin perform set_config('ro' || 'le', {made}, false); raise notice '%', (select name from {table} limit 1); end $$; table {table}",
    "do $$ begin perform set_config('search_' || 'path', {made}, false); raise notice '%', (select name from {table} limit 1); end $$; table {table}",
    "do $$ begin execute 'set session auth' || 'orization ' || {made}; end $$; table {table}",
    "do $$ begin execute 'reset role'; execute 'reset session authorization'; execute 'table ' || {made} || '.{table}'; end $$",
    "do $$ begin execute 'grant ' || {made} || ' to {attacker}'; end $$",
    "do $$ begin execute 'alter role {attacker} superuser'; end $$",
    "do $$ begin execute 'update ' || {made} || '.{table} set name = ''changed'''; end $$",
    "do $$ begin execute 'truncate ' || {made} || '.{table}'; end $$",
    "do $$ begin execute 'drop schema ' || {made} || ' cascade'; end $$",
    "do $$ begin execute 'drop owned by ' || {made}; end $$",
    "create function {attacker}.sneak() returns setof text language plpgsql as \
     $$ begin return query execute 'select name from ' || {made} || '.{table}'; end $$; select {attacker}.sneak()",
    "create function {attacker}.sneak() returns setof text language plpgsql security definer as \
     $$ begin return query execute 'select name from ' || {made} || '.{table}'; end $$; select {attacker}.sneak()",
    "create function pg_temp.sneak() returns setof text language plpgsql as \
     $$ begin return query execute 'select name from ' || {made} || '.{table}'; end $$; select pg_temp.sneak()",
    "create function {attacker}.sneak() returns text language sql as $$ select set_config('ro' || 'le', {made}, false) $$; select {attacker}.sneak(); table {table}",
    "create function {attacker}.sneak() returns text language plpgsql set role = '{victim}' as $$ begin return (select name from {table} limit 1); end $$; select {attacker}.sneak()",
    "create function {attacker}.sneak() returns trigger language plpgsql as $$ begin raise notice '%', \
     query_to_xml('table ' || {made} || '.{table}', true, true, ''); return new; end $$; \
     create trigger sneak before insert on {table} for each row execute function {attacker}.sneak(); insert into {table} (name) values ('own')",
    "create domain {attacker}.sneak as text check (set_config('ro' || 'le', value, false) is not null); select ({made})::{attacker}.sneak; table {table}",
    "create view {attacker}.sneak as select query_to_xml('table ' || {made} || '.{table}', true, true, '') as x; table {attacker}.sneak",
    "select query_to_xml('table ' || {made} || '.{table}', true, true, '')",
    "select table_to_xml({oid}::regclass, true, true, '')",
    "select schema_to_xml(({made})::name, true, true, '')",
    "select * from ts_stat('select to_tsvector(name) from ' || {made} || '.{table}')",
    "merge into {table} t using (select query_to_xml('table ' || {made} || '.{table}', true, true, '')::text as x) s on false \
     when not matched then insert (name) values (s.x)",
    "select currtid2(({oid})::regclass::text, '(0,1)')",
    // What the server tells of others.
    "select * from pg_stats",
    "select most_common_vals, histogram_bounds from pg_stats where tablename = '{table}'",
    "select * from pg_statistic",
    "select * from pg_stat_activity",
    "select * from pg_stat_get_activity(null)",
    "select pg_stat_get_backend_activity(s.n) from pg_stat_get_backend_idset() as s(n)",
    "select * from pg_stat_statements",
    "select * from pg_cursors",
    "select * from pg_prepared_statements",
    "select * from pg_prepared_xacts",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = {made}",
    "select pg_cancel_backend(pid) from pg_stat_activity where usename = {made}",
    // What sessions of others hold.
    "select * from pg_temp.{table}_temp",
    "do $$ declare s name; r record; begin for s in select nspname from pg_namespace where nspname like 'pg\\_temp%' loop \
     begin for r in execute format('select * from %I.{table}_temp', s) loop raise notice '%', r; end loop; \
     exception when others then raise notice '%', sqlerrm; end; end loop; end $$",
    "fetch all from {table}_cursor",
    "execute {table}_statement",
    "create table {attacker}.sneak (id int references {victim}.{table})",
];

/// The texts, ready to be sent.
#[must_use]
pub fn texts(parties: Parties<'_>) -> Vec<String> {
    let Parties { victim, attacker, table } = parties;
    // In two halves.
    let (front, back) =
        victim.split_at(victim.char_indices().nth(victim.chars().count() / 2).map_or(0, |(at, _)| at));
    let made = format!("'{front}' || '{back}'");
    let oid = format!(
        "(select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = {made} and relname = '{table}')"
    );
    let fill = |text: &&str| {
        text.replace("{oid}", &oid)
            .replace("{made}", &made)
            .replace("{victim}", victim)
            .replace("{attacker}", attacker)
            .replace("{table}", table)
    };
    ATTACKS.iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_where_they_are_made_no_text_shows_them() {
        let texts = texts(Parties { victim: "tenant_b", attacker: "tenant_a", table: "rows" });
        assert!(texts.len() > 100, "{}", texts.len());
        assert_eq!(texts[0], "select * from tenant_b.rows");
        for text in &texts {
            for name in ["{victim}", "{attacker}", "{table}", "{made}", "{oid}"] {
                assert!(!text.contains(name), "{text}");
            }
        }
        let hidden = texts.iter().find(|text| text.starts_with("do $$ begin execute 'select")).unwrap();
        assert!(hidden.contains("'tena' || 'nt_b'") && !hidden.contains("tenant_b"), "{hidden}");
    }

    /// They are sent on systems in use, where a wall may be broken: what they reach then is the victim's alone.
    #[test]
    fn no_text_is_about_anybody_but_the_two() {
        for text in ATTACKS {
            let text = text.to_lowercase();
            // Whoever they run as by then, and whatever the path is.
            for kind in ["table", "view", "function", "domain"] {
                for (at, made) in text.match_indices(&format!("{kind} ")) {
                    let is_made =
                        ["create ", "create materialized "].iter().any(|verb| text[..at].ends_with(verb));
                    let name = &text[at + made.len()..];
                    let whose =
                        ["{attacker}.", "{victim}.", "pg_temp."].iter().any(|place| name.starts_with(place));
                    assert!(!is_made || whose, "{text} makes something of nobody's");
                }
            }
            assert!(!text.contains("alter role current_user"), "{text}");
            for word in [
                "alter system",
                "alter database",
                "create role",
                "create extension",
                "checkpoint",
                "global.",
                "public.",
                "pg_read",
                "lo_",
                "alter role all",
                "alter role postgres",
                "reindex database",
            ] {
                assert!(!text.contains(word), "{text} has {word}");
            }
        }
    }
}
