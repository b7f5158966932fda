//! Attacks beyond the corpus: what a text does not show, and what only a server in use gives away. Run
//! directly as alpha's role, and through the proxy. Those that `pgtenant verify` sends too are the program's.

use pgtenant::control::verify::attacks::{self, Parties};

use crate::attack::world::Text;

/// The table of beta's by its number, for what takes no name.
const TABLE: &str = "(select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                      where n.nspname = 'tenant_' || 'beta' and relname = 'customers')";

/// `TABLE` stands for [`TABLE`].
const LIST: &[&str] = &[
    // Names put together while the statement runs.
    "do $$ begin execute 'select * from ' || 'tenant_' || 'beta.customers'; end $$",
    "do $$ declare r record; begin for r in execute format('select * from %I.%I', 'tenant_' || 'beta', 'customers') \
     loop raise notice '%', r; end loop; end $$",
    "do $$ declare c refcursor; r record; begin open c for execute 'table tenant_' || 'beta.customers'; fetch c into r; \
     raise notice '%', r; end $$",
    "do $$ begin perform set_config('ro' || 'le', 'tenant_' || 'beta', false); raise notice '%', \
     (select name from customers limit 1); end $$; table customers",
    "do $$ begin perform set_config('search_' || 'path', 'tenant_' || 'beta', false); end $$; table customers; table notes_of_beta",
    "do $$ begin execute 'alter role tenant_' || 'alpha superuser'; end $$",
    "do $$ begin execute 'create role z superuser login'; end $$",
    "do $$ begin execute 'alter role tenant_' || 'beta password ''x'''; end $$",
    "do $$ begin execute 'alter role tenant_' || 'alpha set role = tenant_' || 'beta'; end $$",
    "do $$ begin execute 'copy tenant_' || 'beta.customers to program ''cat'''; end $$",
    "do $$ begin execute 'copy customers (name) from ''/etc/passwd'''; end $$; table customers",
    "do $$ begin execute 'lock table tenant_' || 'beta.ledger in access exclusive mode'; end $$",
    "do $$ begin execute 'reassign owned by tenant_' || 'beta to tenant_alpha'; end $$",
    "do $$ begin execute 'vacuum full'; end $$",
    "do $$ begin execute 'alter system set work_mem = ''1GB'''; end $$",
    "do language plpgsql $$ begin execute convert_from(decode('5441424c452074656e616e745f626574612e637573746f6d657273', 'hex'), 'utf8'); end $$",
    "do language plpython3u $$ print(1) $$",
    "select query_to_xml(chr(116) || 'able tenant_' || reverse('ateb') || '.customers', true, true, '')",
    "select table_to_xml_and_xmlschema(TABLE::regclass, true, true, '')",
    "select schema_to_xml((select nspname from pg_namespace where nspname like '%beta' limit 1), true, true, '')",
    "select database_to_xml(true, true, '')",
    "select database_to_xml_and_xmlschema(true, true, '')",
    "select * from ts_stat('select v from tenant_' || 'beta.docs')",
    "select ts_rewrite('a'::tsquery, 'select a, b from tenant_' || 'beta.aliases')",
    "select * from global.crosstab('select a, b, c from tenant_' || 'beta.t') as x(a text, b text)",
    "select cursor_to_xml('c', 100, true, true, '')",
    "select set_config(n, v, false) from (values ('role', 'tenant_beta')) as x(n, v); table customers",
    "select set_config(n, v, false) from (values ('session_authorization', 'tenant_beta')) as x(n, v); table customers",
    "select set_config(concat('row_', 'security'), 'off', false); table global.messages",
    "select set_config(concat('session_', 'preload_libraries'), '/tmp/x.so', false)",
    "select set_config(concat('zero_damaged', '_pages'), 'on', false)",
    "select set_config(concat('allow_system_', 'table_mods'), 'on', false); update pg_class set relacl = null",
    "select set_config(concat('client_', 'encoding'), 'GBK', false); select 'x'",
    "update pg_settings set setting = 'tenant_beta' where name = concat('ro', 'le')",
    // By number instead of by name.
    "select TABLE::regclass, pg_relation_size(TABLE), pg_get_indexdef(indexrelid) from pg_index where indrelid = TABLE",
    "select nextval(oid::regclass) from pg_class where relkind = 'S'",
    "select setval(oid::regclass, 1) from pg_class where relkind = 'S' and relname <> 's'",
    "select pg_sequence_last_value(oid) from pg_class where relkind = 'S'",
    "select last_value from pg_sequences",
    "select lo_get(oid) from pg_largeobject_metadata",
    "select lo_get(4711)",
    "select convert_from(lo_get(4711), 'utf8')",
    "select loread(lo_open(4711, 262144), 100)",
    "select lowrite(lo_open(4711, 131072), 'x')",
    "select lo_put(4711, 0, 'x')",
    "select lo_truncate(lo_open(4711, 131072), 0)",
    "select lo_unlink(4711)",
    "select lo_export(4711, '/tmp/out')",
    "select * from pg_largeobject",
    "alter large object 4711 owner to tenant_alpha",
    "grant select on large object 4711 to tenant_alpha",
    "comment on large object 4711 is 'x'",
    "do $$ begin execute 'alter large object 4711 owner to current_user'; end $$",
    "select pg_get_viewdef(oid) from pg_class where relkind in ('v', 'm')",
    "select pg_get_functiondef(oid) from pg_proc where prokind = 'f' and oid > 16383",
    "select pg_get_ruledef(oid), pg_get_triggerdef(t.oid) from pg_rewrite r cross join pg_trigger t",
    "select pg_get_expr(adbin, adrelid) from pg_attrdef",
    "select pg_get_constraintdef(oid) from pg_constraint",
    "select brin_summarize_new_values(oid) from pg_class where relkind = 'i' and oid > 16383",
    "select gin_clean_pending_list(oid) from pg_class where relkind = 'i' and oid > 16383",
    "select pg_relation_filepath(oid) from pg_class where oid > 16383",
    "select pg_stat_get_tuples_inserted(oid) from pg_class where oid > 16383",
    "select pg_stat_reset(), pg_stat_reset_single_table_counters(TABLE)",
    "select has_table_privilege('tenant_' || 'beta', TABLE, 'select')",
    "select pg_table_is_visible(TABLE), pg_describe_object('pg_class'::regclass, TABLE, 0)",
    "select row_security_active(TABLE)",
    // What statistics and other sessions hold.
    "select most_common_vals, histogram_bounds from pg_stats where tablename in ('customers', 'messages')",
    "select * from pg_stats_ext",
    "select * from pg_statistic_ext_data",
    "select * from pg_stats_ext_exprs",
    "select query from pg_stat_activity where usename like '%beta'",
    "select * from pg_locks",
    "select * from pg_stat_progress_copy",
    "select * from pg_shmem_allocations",
    "select * from pg_backend_memory_contexts",
    "select pg_log_backend_memory_contexts(pid) from pg_stat_activity",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename like '%beta'",
    "select pg_cancel_backend(pid) from pg_stat_activity where usename like '%beta'",
    "do $$ declare p int; begin for p in select pid from pg_stat_activity where usename like '%beta' loop \
     perform pg_terminate_backend(p); end loop; end $$",
    "do $$ declare p int; begin for p in select pid from pg_stat_activity where usename like '%beta' loop \
     begin perform pg_cancel_backend(p); exception when others then raise notice '%', sqlerrm; end; end loop; end $$",
    "select * from pg_ls_dir('base')",
    "select pg_current_logfile()",
    "select pg_read_file('postmaster.pid')",
    "select * from pg_authid",
    "select * from pg_shadow",
    "select * from pg_user_mappings",
    "select * from pg_hba_file_rules",
    "select * from pg_file_settings",
    "select * from pg_config",
    "select pg_reload_conf()",
    "select pg_rotate_logfile()",
    "select pg_switch_wal()",
    "select pg_create_restore_point('x')",
    "select pg_export_snapshot()",
    "select pg_create_logical_replication_slot('x', 'test_decoding')",
    "select * from pg_logical_slot_peek_changes('x', null, null)",
    "select pg_logical_emit_message(false, 'x', 'y')",
    "select pg_replication_origin_create('x')",
    "select pg_import_system_collations('tenant_beta')",
    "select binary_upgrade_set_next_pg_type_oid(1)",
    // Advisory locks are common to all: taken by another, they tell nothing but that.
    "select pg_try_advisory_lock(1)",
    "select pg_advisory_unlock_all()",
    "select pg_advisory_unlock(1)",
    // Sessions of others.
    "select * from pg_temp.secrets",
    "do $$ declare s name; begin for s in select nspname from pg_namespace where nspname like 'pg\\_temp%' loop \
     begin execute format('select * from %I.secrets', s); exception when others then raise notice '%', sqlerrm; end; end loop; end $$",
    "do $$ declare s name; r record; begin for s in select nspname from pg_namespace where nspname like 'pg\\_temp%' loop \
     begin perform set_config('search_path', s, true); for r in execute 'select * from secrets' loop raise notice '%', r; end loop; \
     exception when others then raise notice '%', sqlerrm; end; end loop; end $$",
    "do $$ declare s name; begin for s in select nspname from pg_namespace where nspname like 'pg\\_%temp%' loop \
     begin execute format('drop schema %I cascade', s); exception when others then raise notice '%', sqlerrm; end; end loop; end $$",
    "fetch all from c",
    "execute p",
    "close all; deallocate all; discard all",
    "set transaction snapshot '00000003-00000001-1'",
    // Code of one's own that others might run, or that runs with more rights.
    "create function sneak() returns setof text language plpgsql security definer as \
     $$ begin return query execute 'select name from tenant_' || 'beta.customers'; end $$; select sneak()",
    "create function sneak() returns text language sql as $$ select set_config('ro' || 'le', 'tenant_beta', false) $$; select sneak(); table customers",
    "create function sneak() returns text language plpgsql set role from current as $$ begin return current_user; end $$; select sneak()",
    "create function pg_temp.sneak() returns setof text language plpgsql as \
     $$ begin return query execute 'select name from tenant_' || 'beta.customers'; end $$; select pg_temp.sneak()",
    "create function sneak() returns text language c as '/lib/x86_64-linux-gnu/libc.so.6', 'system'; select sneak()",
    "create function sneak(internal) returns internal language internal as 'pg_read_file'",
    "create function global.sneak() returns int language sql as 'select 1'",
    "create function pg_catalog.sneak() returns int language sql as 'select 1'",
    "create function public.sneak() returns int language sql as 'select 1'",
    "create table public.sneak (a int)",
    "create table global.sneak (a int)",
    "create or replace function global.crosstab(sql text) returns setof record language sql as 'select 1'",
    "create or replace view global.names as select 1",
    "create view sneak as select query_to_xml('table tenant_' || 'beta.customers', true, true, '') as x; select * from sneak",
    "create materialized view sneak as select query_to_xml('table tenant_' || 'beta.customers', true, true, '') as x; table sneak",
    "create table sneak (a xml default query_to_xml('table tenant_' || 'beta.customers', true, true, '')); \
     insert into sneak default values returning *",
    "create table sneak (a text check (query_to_xml('table tenant_' || a, true, true, '') is null)); insert into sneak values ('beta.customers')",
    "create rule sneak as on insert to tickets do also select query_to_xml('table tenant_' || 'beta.customers', true, true, ''); \
     insert into tickets values (9, 9, '')",
    "create domain sneak as text check (set_config('ro' || 'le', value, false) is not null); select 'tenant_beta'::sneak; table customers",
    "create domain sneak as text check (query_to_xml('table ' || value, true, true, '') is null); select ('tenant_' || 'beta.customers')::sneak",
    "create function sneak(text) returns int language plpgsql as $$ begin execute 'table ' || $1; return 1; end $$; \
     create cast (text as int) with function sneak(text) as implicit; select 'tenant_beta.customers'::text::int",
    "create type sneak as (a text); create function sneak(sneak) returns xml language sql as \
     $$ select query_to_xml($1.a, true, true, '') $$; create cast (sneak as xml) with function sneak(sneak); \
     select row('table tenant_' || 'beta.customers')::sneak::xml",
    "create function sneak(text, text) returns boolean language plpgsql as $$ begin raise notice '%', \
     query_to_xml('table tenant_' || 'beta.customers', true, true, ''); return true; end $$; \
     create operator @@@ (leftarg = text, rightarg = text, function = sneak); select 'a'::text @@@ 'b'::text",
    "create function sneak() returns trigger language plpgsql as $$ begin raise notice '%', \
     query_to_xml('table tenant_' || 'beta.customers', true, true, ''); return new; end $$; \
     create trigger sneak before insert on tickets for each row execute function sneak(); insert into tickets values (9, 9, '')",
    "create function sneak(int) returns int immutable language plpgsql as $$ begin perform \
     query_to_xml('table tenant_' || 'beta.customers', true, true, ''); return 1; end $$; create index on customers (sneak(id)); analyze customers",
    "create aggregate sneak (text) (sfunc = set_config, stype = text)",
    "create policy sneak on customers using (query_to_xml('table tenant_' || 'beta.customers', true, true, '') is null); \
     alter table customers enable row level security; alter table customers force row level security; table customers",
    "create event trigger sneak on ddl_command_end execute function f()",
    "create table pg_class (a int); set search_path = tenant_alpha, pg_catalog; select * from pg_class",
    "create function lower(text) returns text language sql as $$ select 'stolen' || $1 $$; set search_path = tenant_alpha, pg_catalog; select lower('x')",
    "create table sneak (like customers including all, foreign key (id) references customers); select 1",
    "create statistics sneak on name, email from customers; analyze customers; select * from pg_stats_ext",
    "create collation sneak (provider = icu, locale = 'en', rules = '&a < b')",
    "create conversion sneak for 'LATIN1' to 'UTF8' from pg_catalog.iso8859_1_to_utf8; alter conversion sneak set schema pg_catalog",
    "create operator pg_catalog.=== (leftarg = int, rightarg = int, function = f)",
    "create sequence sneak owned by customers.id; alter sequence sneak owned by none; alter sequence sneak owner to tenant_beta",
    "alter table customers owner to tenant_beta",
    "alter function f(int) owner to postgres",
    "alter default privileges grant execute on functions to public",
    "alter role current_user password 'stolen'",
    "alter role current_user set search_path = 'tenant_beta'",
    "alter role current_user bypassrls",
    "alter role current_user in database app set role = 'tenant_beta'",
    "alter role current_user connection limit -1 replication",
    "alter role all set search_path = 'tenant_beta'",
    "alter role postgres password 'x'",
    "alter role app_proxy password 'x'",
    "alter database app set search_path = 'tenant_beta'",
    "alter database app owner to tenant_alpha",
    "create schema sneak",
    "create extension dblink; select * from dblink('dbname=app', 'table tenant_beta.customers') as x(a int, b text, c text, d int)",
    "create extension if not exists pg_trgm",
    "create extension file_fdw",
    "load 'auto_explain'",
    "load '$libdir/plugins/x'",
    "security label on role tenant_beta is 'x'",
    "drop function global.crosstab(text)",
    "drop policy own on global.messages; table global.messages",
    "alter table global.messages disable row level security; table global.messages",
    // Rows behind a policy, by a function that tells what it is shown.
    "select * from global.messages where leak(body)",
    "select * from global.messages where body > '' and leak(body) order by body",
    "select count(*) from global.messages where body like 'mrk%' and leak(body)",
    "select * from global.messages where body <<< 'zzz'",
    "explain (analyze, buffers, verbose) select * from global.messages where leak(body)",
    "explain (analyze) select * from global.messages where 1 / (case when body like 'mrk%' then 0 else 1 end) = 1",
    "select * from global.messages where (body)::int = 1",
    "select * from global.messages tablesample system (100) where leak(body)",
    "copy global.messages to stdout",
    "copy (select * from global.messages) to stdout (format binary)",
    "insert into global.messages values ('tenant_alpha', 'x')",
    "insert into global.messages select 'tenant_alpha', body from global.messages on conflict (body) do update set tenant = 'tenant_alpha' returning *",
    "update global.messages set tenant = 'tenant_alpha' returning *",
    "delete from global.messages returning *",
    "truncate global.messages",
    "select * from global.names where leak(body)",
    "select ctid, xmin, tableoid, * from global.messages",
    "analyze global.messages; select * from pg_stats where tablename = 'messages'",
    "create index on global.messages (body)",
    "create trigger sneak after insert on global.messages execute function f()",
    "create table sneak (body text references global.messages (body))",
    // Foreign keys that would ask beta's tables, and errors that would quote them.
    "alter table tickets add foreign key (customer_id) references tenant_beta.customers not valid",
    "do $$ begin execute format('create table sneak (id int references %s)', TABLE::regclass); exception when others then raise notice '%', sqlerrm; end $$",
    "do $$ begin execute format('insert into %s (id, email) select id, email from customers', TABLE::regclass); end $$",
    "insert into customers select * from customers; select 1",
    "create table sneak partition of tenant_beta.events for values from (2000) to (3000)",
    "create table sneak () inherits (global.messages); table sneak",
    "create table sneak (like global.messages including all); table sneak",
    "create view sneak as select * from global.messages; table sneak",
    "create view sneak with (security_invoker = false) as select * from global.messages; grant select on sneak to public; table sneak",
    // Copying.
    "copy customers to program 'cat /etc/passwd'",
    "copy (select lo_get(4711)) to stdout",
    "copy customers (name) from '/proc/self/environ'; table customers",
    "copy tenant_beta.customers from stdin",
    "copy pg_authid to stdout",
    // Channels: who may listen hears what the others of the database say.
    "do $$ begin perform pg_notify('c', 'from alpha'); end $$",
    "do $$ begin execute 'lis' || 'ten c'; end $$",
    // What a session shares with nobody.
    "vacuum; analyze; select * from pg_stats where schemaname like '%beta'",
    "reindex database app",
    "cluster",
    "checkpoint",
    "select (select x from (select query_to_xml('table ' || quote_ident('tenant_' || 'beta') || '.customers', true, true, '')) as s(x))",
    "with recursive r(n) as (select 1 union all select n + 1 from r where n < 50) select query_to_xml('select * from tenant_' || 'beta.customers limit ' || n, true, true, '') from r",
    "merge into tickets t using (select query_to_xml('table tenant_' || 'beta.customers', true, true, '')::text as x) s on false when not matched then insert values (9, 9, s.x)",
    "select xpath('/', query_to_xml('table tenant_' || 'beta.customers', true, true, ''))",
    "select xmlparse(document '<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>')",
    "select * from xmltable('/' passing query_to_xml('table tenant_' || 'beta.customers', true, true, '') columns a text)",
    "select jsonb_path_query(to_jsonb(s), '$') from pg_stat_activity s",
    "select pg_describe_object(classid, objid, 0), pg_identify_object(classid, objid, 0) from pg_depend",
    "select * from information_schema.tables; select * from information_schema.columns; select * from information_schema.sequences",
    "select * from pg_sequences; select * from pg_tables; select * from pg_views; select * from pg_rules; select * from pg_policies; select * from pg_indexes",
    "select obj_description(oid), shobj_description(oid, 'pg_authid') from pg_class",
    "select * from pg_event_trigger_ddl_commands()",
    "select regexp_matches(current_setting('is_superuser'), 'on'), current_setting('data_directory')",
    "select inet_server_addr(), pg_postmaster_start_time(), version()",
];

/// The texts, ready to be sent.
pub(super) fn texts() -> Vec<Text> {
    let parties = Parties { victim: "tenant_beta", attacker: "tenant_alpha", table: "customers" };
    let verify = attacks::texts(parties).into_iter().enumerate();
    let verify = verify.map(|(number, sql)| Text { name: format!("verify {number}: {sql:.70}"), sql });
    let text = |(number, sql): (usize, &&str)| Text {
        name: format!("list {number}: {sql:.70}"),
        sql: sql.replace("TABLE", TABLE),
    };
    verify.chain(LIST.iter().enumerate().map(text)).collect()
}
