//! Ways to a role change from inside SQL. `{A}` and `{B}` are the schema and role of the attacker and of
//! the other tenant, `{N}` a number of the route's own. Top-level `SET ROLE` and `DO` are missing: those
//! the guard sees.

/// One way, and what is sent for it, a `Query` message each.
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static [&'static str],
    /// Whether it is known to escape where nothing is hardened.
    pub(crate) escapes: bool,
}

const fn escapes(name: &'static str, sql: &'static [&'static str]) -> Route {
    Route { name, sql, escapes: true }
}

/// Fails on PostgreSQL 15 also without the hardening, for another reason each.
const fn dead_end(name: &'static str, sql: &'static [&'static str]) -> Route {
    Route { name, sql, escapes: false }
}

/// `set_config` wherever an expression may stand.
pub(crate) const EXPRESSIONS: &[Route] = &[
    escapes("set_config_in_a_select_list", &["select set_config('role', '{B}', false)"]),
    escapes("set_config_qualified", &["select pg_catalog.set_config('role', '{B}', false)"]),
    escapes("set_config_to_none", &["select set_config('role', 'none', false)"]),
    escapes("set_config_in_mixed_case", &["select set_config('RoLe', '{B}', false)"]),
    escapes("set_config_quoted_with_escapes", &["select U&\"set\\005fconfig\"('role', '{B}', false)"]),
    escapes(
        "set_config_with_the_name_built",
        &["select set_config(concat('ro', chr(108), 'e'), '{B}', false)"],
    ),
    escapes(
        "set_config_local_in_a_block",
        &["begin", "select set_config('role', '{B}', true)", "table {B}.notes"],
    ),
    dead_end(
        "set_config_session_authorization",
        &["select set_config('session_authorization', '{B}', false)"],
    ),
    escapes("set_config_in_where", &["select 1 where set_config('role', '{B}', false) is not null"]),
    escapes("set_config_in_having", &["select 1 having set_config('role', '{B}', false) <> ''"]),
    escapes("set_config_in_order_by", &["select 1 order by set_config('role', '{B}', false)"]),
    escapes("set_config_in_limit", &["select 1 limit length(set_config('role', '{B}', false))"]),
    escapes(
        "set_config_in_group_by",
        &["select count(*) from (values (1)) v group by set_config('role', '{B}', false)"],
    ),
    escapes(
        "set_config_lateral",
        &["select * from (values ('{B}')) v (r), lateral set_config('role', r, false)"],
    ),
    escapes("set_config_as_a_table", &["select * from set_config('role', '{B}', false) with ordinality"]),
    escapes(
        "set_config_in_rows_from",
        &["select * from rows from (set_config('role', '{B}', false), now())"],
    ),
    escapes(
        "set_config_in_a_cte",
        &["with x as materialized (select set_config('role', '{B}', false)) table x"],
    ),
    escapes(
        "set_config_in_a_sublink",
        &[
            "select exists (select set_config('role', '{B}', false) offset 0)",
            "select (select set_config('role', '{B}', false))",
        ],
    ),
    escapes("set_config_in_an_aggregate", &["select count(set_config('role', '{B}', false))"]),
    escapes(
        "set_config_in_an_aggregate_filter",
        &["select count(*) filter (where set_config('role', '{B}', false) <> '')"],
    ),
    escapes("set_config_in_a_window", &["select rank() over (order by set_config('role', '{B}', false))"]),
    escapes("set_config_in_case", &["select case when set_config('role', '{B}', false) = '{B}' then 1 end"]),
    escapes("set_config_in_values", &["values (set_config('role', '{B}', false))"]),
    escapes(
        "set_config_in_a_join_condition",
        &["select 1 from (values (1)) a join (values (1)) b on set_config('role', '{B}', false) <> ''"],
    ),
    escapes(
        "set_config_in_tablesample",
        &[
            "create table s{N} ()",
            "select * from s{N} tablesample system (length(set_config('role', '{B}', false)))",
        ],
    ),
    escapes(
        "set_config_in_insert",
        &["create table i{N} (x text)", "insert into i{N} values (set_config('role', '{B}', false))"],
    ),
    escapes(
        "set_config_in_update",
        &["create table u{N} as select 'x' as x", "update u{N} set x = set_config('role', '{B}', false)"],
    ),
    escapes(
        "set_config_in_returning",
        &[
            "create table r{N} (x text)",
            "insert into r{N} values ('') returning set_config('role', '{B}', false)",
        ],
    ),
    escapes(
        "set_config_in_on_conflict",
        &[
            "create table oc{N} (x text primary key)",
            "insert into oc{N} values ('')",
            "insert into oc{N} values ('') on conflict (x) do update set x = set_config('role', '{B}', false)",
        ],
    ),
    escapes(
        "set_config_in_merge",
        &[
            "create table m{N} (x text)",
            "merge into m{N} using (values (1)) v on false when not matched then insert values (set_config('role', '{B}', false))",
        ],
    ),
    escapes(
        "set_config_in_a_default",
        &[
            "create table d{N} (i int, x text default set_config('role', '{B}', false))",
            "insert into d{N} values (1)",
        ],
    ),
    escapes(
        "set_config_in_a_default_used_by_copy",
        &[
            "create table dc{N} (i int, x text default set_config('role', '{B}', false))",
            "copy dc{N} (i) from stdin",
        ],
    ),
    escapes(
        "set_config_in_a_default_of_a_new_column",
        &[
            "create table dn{N} as select 1 as i",
            "alter table dn{N} add x text default set_config('role', '{B}', false)",
        ],
    ),
    escapes(
        "set_config_in_a_check",
        &[
            "create table c{N} (x int check (set_config('role', '{B}', false) <> ''))",
            "insert into c{N} values (1)",
        ],
    ),
    escapes(
        "set_config_in_a_domain",
        &["create domain d{N} as int check (set_config('role', '{B}', false) <> '')", "select 1::d{N}"],
    ),
    escapes(
        "set_config_in_a_domain_inside_an_array",
        &[
            "create domain da{N} as int check (set_config('role', '{B}', false) <> '')",
            "select '{1}'::da{N}[]",
        ],
    ),
    escapes(
        "set_config_in_a_view",
        &["create view v{N} as select set_config('role', '{B}', false) as x", "table v{N}"],
    ),
    escapes(
        "set_config_in_a_security_barrier_view",
        &[
            "create view vb{N} with (security_barrier) as select set_config('role', '{B}', false) as x",
            "table vb{N}",
        ],
    ),
    escapes(
        "set_config_in_a_rule",
        &[
            "create table ru{N} (x int)",
            "create rule r as on insert to ru{N} do also select set_config('role', '{B}', false)",
            "insert into ru{N} values (1)",
        ],
    ),
    escapes(
        "set_config_in_a_policy",
        &[
            "create table p{N} as select 1 as x",
            "alter table p{N} enable row level security",
            "alter table p{N} force row level security",
            "create policy p on p{N} using (set_config('role', '{B}', false) <> '')",
            "table p{N}",
        ],
    ),
    escapes(
        "set_config_in_a_trigger_condition",
        &[
            "create table tw{N} (x int)",
            "create function tw{N}() returns trigger language plpgsql as 'begin return new; end'",
            "create trigger t before insert on tw{N} for each row when (set_config('role', '{B}', false) <> '') execute function tw{N}()",
            "insert into tw{N} values (1)",
        ],
    ),
    escapes(
        "set_config_in_a_cursor",
        &[
            "begin",
            "declare c cursor for select set_config('role', '{B}', false)",
            "fetch all from c",
            "commit",
        ],
    ),
    escapes(
        "set_config_in_a_held_cursor",
        &["declare h{N} cursor with hold for select set_config('role', '{B}', false)", "fetch h{N}"],
    ),
    escapes(
        "set_config_in_a_prepared_statement",
        &["prepare p{N} as select set_config('role', $1, false)", "execute p{N}('{B}')"],
    ),
    escapes(
        "set_config_as_an_argument_of_execute",
        &["prepare q{N} (text) as select $1", "execute q{N}(set_config('role', '{B}', false))"],
    ),
    escapes(
        "set_config_as_an_argument_of_call",
        &[
            "create procedure pr{N}(x text) language sql as 'select 1'",
            "call pr{N}(set_config('role', '{B}', false))",
        ],
    ),
    escapes(
        "set_config_in_a_default_of_an_argument",
        &[
            "create function da{N}(x text default set_config('role', '{B}', false)) returns text language sql as 'select x'",
            "select da{N}()",
        ],
    ),
    escapes("set_config_in_copy_to", &["copy (select set_config('role', '{B}', false)) to stdout"]),
    escapes(
        "set_config_in_create_table_as",
        &["create table ta{N} as select set_config('role', '{B}', false)"],
    ),
    dead_end(
        "set_config_in_a_materialized_view",
        &[
            "create materialized view mv{N} as select set_config('role', '{B}', false)",
            "refresh materialized view mv{N}",
        ],
    ),
    escapes("set_config_in_explain_analyze", &["explain analyze select set_config('role', '{B}', false)"]),
    escapes(
        "set_config_in_a_partition_bound",
        &[
            "create table pb{N} (x text) partition by list (x)",
            "create table pb{N}a partition of pb{N} for values in (set_config('role', '{B}', false))",
        ],
    ),
    dead_end(
        "set_config_in_an_index",
        &["create table ix{N} (x text)", "create index on ix{N} (set_config('role', '{B}', false))"],
    ),
    dead_end(
        "set_config_in_a_generated_column",
        &["create table g{N} (x int, y text generated always as (set_config('role', '{B}', false)) stored)"],
    ),
    dead_end(
        "set_config_in_a_partition_key",
        &["create table pk{N} (x text) partition by list (set_config('role', x, false))"],
    ),
    dead_end(
        "set_config_in_query_to_xml",
        &[
            "select query_to_xml('select set_config(''my.x'', ''y'', false)', true, true, '')",
            "select query_to_xml('set role {B}', true, true, '')",
        ],
    ),
    escapes(
        "set_config_as_a_transition_function",
        &[
            "create aggregate ag{N}(text, bool) (sfunc = pg_catalog.set_config, stype = text, initcond = 'role')",
            "select ag{N}(x, false) from (values ('{B}')) v (x)",
        ],
    ),
    escapes(
        "set_config_in_an_order_of_two_statements",
        &["select 1; select set_config('role', '{B}', false); table {B}.notes"],
    ),
    dead_end(
        "update_of_pg_settings",
        &[
            "update pg_settings set setting = '{B}' where name = 'role'",
            "update pg_settings set setting = '{B}' where name = 'session_authorization'",
            "create view ps{N} as table pg_settings",
            "update pg_settings set setting = '{B}'",
        ],
    ),
    dead_end("moved_set_config_by_name", &["select pgtenant_guard.set_config('role', '{B}', false)"]),
    dead_end(
        "moved_set_config_by_oid",
        &[
            "select 2078::regproc",
            "create operator <~> (leftarg = text, rightarg = text, function = pgtenant_guard.set_config)",
        ],
    ),
    escapes(
        "set_config_in_a_sequence_of_a_savepoint",
        &[
            "begin",
            "savepoint s",
            "select set_config('role', '{B}', false)",
            "rollback to s",
            "select set_config('role', '{B}', false)",
            "commit",
        ],
    ),
];

/// Code of the attacker's.
pub(crate) const ROUTINES: &[Route] = &[
    escapes(
        "function_with_set_role",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_set_local_role",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set local role {B}; end$$",
            "begin",
            "select f{N}()",
            "table {B}.notes",
        ],
    ),
    escapes(
        "function_with_reset_role",
        &[
            "create function f{N}() returns void language plpgsql as $$begin reset role; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_role_in_mixed_case",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set \"RoLe\" to {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_role_in_escapes",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set U&\"\\0072ole\" to {B}; end$$",
            "select f{N}()",
        ],
    ),
    dead_end(
        "function_with_set_session_authorization",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set session authorization {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_reset_session_authorization",
        &[
            "create function f{N}() returns void language plpgsql as $$begin reset session authorization; end$$",
            "select f{N}()",
        ],
    ),
    dead_end(
        "function_with_reset_all",
        &[
            "create function f{N}() returns void language plpgsql as $$begin reset all; end$$",
            "select f{N}()",
        ],
    ),
    dead_end(
        "function_with_discard_all",
        &[
            "create function f{N}() returns void language plpgsql as $$begin discard all; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_execute",
        &[
            "create function f{N}() returns void language plpgsql as $$begin execute concat('set ', 'ro', 'le {B}'); end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_execute_of_its_argument",
        &[
            "create function f{N}(q text) returns void language plpgsql as $$begin execute q; end$$",
            "select f{N}('set role {B}')",
        ],
    ),
    escapes(
        "function_with_set_config",
        &[
            "create function f{N}() returns void language plpgsql as $$begin perform set_config('role', '{B}', false); end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_set_role_in_a_block_with_handler",
        &[
            "create function f{N}() returns void language plpgsql as $$begin begin set role {B}; exception when others then reset role; end; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_set_role_in_a_handler",
        &[
            "create function f{N}() returns void language plpgsql as $$begin perform 1/0; exception when others then set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_set_role_twice_nested",
        &[
            "create function g{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "create function f{N}() returns void language plpgsql as $$begin perform g{N}(); end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_with_do",
        &[
            "create function f{N}() returns void language plpgsql as $$begin do 'begin set role {B}; end'; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "sql_function_with_do",
        &[
            "create function f{N}() returns void language sql as $$do 'begin set role {B}; end'$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "sql_function_with_set_role",
        &["create function f{N}() returns void language sql as $$set role {B}$$", "select f{N}()"],
    ),
    escapes(
        "sql_function_that_is_inlined",
        &[
            "create function f{N}() returns text language sql as $$select set_config('role', '{B}', false)$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "sql_function_that_is_inlined_as_a_table",
        &[
            "create function f{N}() returns setof text language sql stable as $$select set_config('role', '{B}', false)$$",
            "select * from f{N}()",
        ],
    ),
    escapes(
        "sql_function_with_begin_atomic",
        &[
            "create function f{N}() returns text begin atomic select set_config('role', '{B}', false); end",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_that_says_security_invoker",
        &[
            "create function f{N}() returns void language plpgsql security invoker as $$begin set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_altered_to_security_invoker",
        &[
            "create function f{N}() returns void language plpgsql security definer as $$begin set role {B}; end$$",
            "alter function f{N}() security invoker",
            "select f{N}()",
        ],
    ),
    escapes(
        "routine_altered_to_security_invoker",
        &[
            "create function f{N}() returns void language plpgsql security definer as $$begin set role {B}; end$$",
            "alter routine f{N}() external security invoker cost 5",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_replaced_as_security_invoker",
        &[
            "create function f{N}() returns void language plpgsql security definer as $$begin end$$",
            "create or replace function f{N}() returns void language plpgsql security invoker as $$begin set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_altered_by_itself_while_it_runs",
        &[
            "create function f{N}() returns void language plpgsql as $$begin alter function f{N}() security invoker; perform g{N}(); end$$",
            "create function g{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "select f{N}()",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_made_by_a_function",
        &[
            "create function f{N}() returns void language plpgsql as $$begin create function g{N}() returns void language plpgsql as 'begin set role {B}; end'; end$$",
            "select f{N}()",
            "select g{N}()",
        ],
    ),
    escapes(
        "function_renamed",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "alter function f{N}() rename to g{N}",
            "select g{N}()",
        ],
    ),
    escapes(
        "function_in_pg_temp",
        &[
            "create function pg_temp.f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "select pg_temp.f{N}()",
        ],
    ),
    escapes(
        "function_in_pg_temp_given_to_the_shared_role",
        &[
            "create function pg_temp.f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "alter function pg_temp.f{N}() owner to {T}",
            "alter function pg_temp.f{N}() security invoker",
            "select pg_temp.f{N}()",
        ],
    ),
    escapes(
        "function_made_in_a_replica_session",
        &[
            "set session_replication_role = replica",
            "create function f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_made_with_event_triggers_off",
        &[
            "set event_triggers = off",
            "create function f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "function_made_without_a_check_of_its_body",
        &[
            "set check_function_bodies = off",
            "create function f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "procedure",
        &["create procedure f{N}() language plpgsql as $$begin set role {B}; end$$", "call f{N}()"],
    ),
    escapes(
        "procedure_that_commits",
        &[
            "create procedure f{N}() language plpgsql as $$begin commit; set role {B}; commit; end$$",
            "call f{N}()",
        ],
    ),
    escapes(
        "procedure_that_rolls_back",
        &[
            "create procedure f{N}() language plpgsql as $$begin rollback; set role {B}; commit; end$$",
            "call f{N}()",
        ],
    ),
    escapes(
        "procedure_called_by_a_function",
        &[
            "create procedure g{N}() language plpgsql as $$begin set role {B}; end$$",
            "create function f{N}() returns void language plpgsql as $$begin call g{N}(); end$$",
            "select f{N}()",
        ],
    ),
    escapes("procedure_in_sql", &["create procedure f{N}() language sql as $$set role {B}$$", "call f{N}()"]),
    escapes(
        "set_clause_role",
        &[
            "create function f{N}() returns xml language sql set role = {B} as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_in_mixed_case",
        &[
            "create function f{N}() returns xml language sql set \"RoLe\" = {B} as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_in_escapes",
        &[
            "create function f{N}() returns xml language sql set U&\"\\0072\\006Fle\" to '{B}' as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_on_a_procedure",
        &[
            "create procedure f{N}() language plpgsql set role = {B} as $$begin raise notice '%', query_to_xml('table {B}.notes', true, true, ''); end$$",
            "call f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_on_a_temporary_function",
        &[
            "create function pg_temp.f{N}() returns xml language plpgsql set role = {B} as $$begin return query_to_xml('table {B}.notes', true, true, ''); end$$",
            "select pg_temp.f{N}()",
        ],
    ),
    dead_end(
        "set_clause_role_from_current",
        &[
            "create function f{N}() returns xml language sql set role from current as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "select f{N}()",
        ],
    ),
    dead_end(
        "set_clause_session_authorization",
        &[
            "create function f{N}() returns xml language sql set session_authorization = {B} as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "select f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_by_alter_function",
        &[
            "create function f{N}() returns xml language sql as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "alter function f{N}() security invoker set role = {B}",
            "select f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_by_alter_routine",
        &[
            "create function f{N}() returns xml language sql as $$select query_to_xml('table {B}.notes', true, true, '')$$",
            "alter routine f{N}() set \"ROLE\" = {B}",
            "select f{N}()",
        ],
    ),
    escapes(
        "set_clause_role_while_the_body_is_checked",
        &[
            "create domain pg_temp.d{N} as text check (query_to_xml('table {B}.notes', true, true, '')::text::int > 0)",
            "create function f{N}() returns text language sql set role = {B} as $$select '{x}'::pg_temp.d{N}[]; select ''$$",
        ],
    ),
    escapes(
        "function_that_calls_itself_while_its_body_is_checked",
        &[
            "create function f{N}() returns bool language sql as 'select true'",
            "create domain d{N} as text check (case when current_setting('my.x{N}', true) = '1' then true else set_config('my.x{N}', '1', false) = '1' and f{N}() end)",
            "create or replace function f{N}() returns bool language sql as $$do $d$begin execute concat('set role ', '{B}'); end$d$; select '{x}'::d{N}[]; select true$$",
        ],
    ),
    escapes(
        "trigger",
        &[
            "create table t{N} (x int)",
            "create function f{N}() returns trigger language plpgsql as $$begin set role {B}; return new; end$$",
            "create trigger t before insert on t{N} for each row execute function f{N}()",
            "insert into t{N} values (1)",
        ],
    ),
    escapes(
        "statement_trigger_on_truncate",
        &[
            "create table t{N} (x int)",
            "create function f{N}() returns trigger language plpgsql as $$begin set role {B}; return null; end$$",
            "create trigger t after truncate on t{N} execute function f{N}()",
            "truncate t{N}",
        ],
    ),
    escapes(
        "deferred_trigger_at_commit",
        &[
            "create table t{N} (x int)",
            "create function f{N}() returns trigger language plpgsql as $$begin set role {B}; return null; end$$",
            "create constraint trigger t after insert on t{N} deferrable initially deferred for each row execute function f{N}()",
            "begin",
            "insert into t{N} values (1)",
            "commit",
        ],
    ),
    escapes(
        "deferred_trigger_by_set_constraints",
        &[
            "create table t{N} (x int)",
            "create function f{N}() returns trigger language plpgsql as $$begin set role {B}; return null; end$$",
            "create constraint trigger t after insert on t{N} deferrable initially deferred for each row execute function f{N}()",
            "begin",
            "insert into t{N} values (1)",
            "set constraints all immediate",
            "commit",
        ],
    ),
    escapes(
        "instead_of_trigger",
        &[
            "create view t{N} as select 1 as x",
            "create function f{N}() returns trigger language plpgsql as $$begin set role {B}; return new; end$$",
            "create trigger t instead of insert on t{N} for each row execute function f{N}()",
            "insert into t{N} values (1)",
        ],
    ),
    escapes(
        "trigger_fired_by_copy",
        &[
            "create table t{N} (x int)",
            "create function f{N}() returns trigger language plpgsql as $$begin set role {B}; return new; end$$",
            "create trigger t before insert on t{N} for each statement execute function f{N}()",
            "copy t{N} from stdin",
        ],
    ),
    dead_end(
        "event_trigger_of_the_attacker",
        &[
            "create function f{N}() returns event_trigger language plpgsql as $$begin set role {B}; end$$",
            "create event trigger e{N} on ddl_command_end execute function f{N}()",
            "create table t{N} ()",
        ],
    ),
    escapes(
        "function_in_a_default",
        &[
            "create function f{N}() returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create table t{N} (i int, x int default f{N}())",
            "insert into t{N} values (1)",
        ],
    ),
    escapes(
        "function_in_a_check",
        &[
            "create function f{N}() returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create table t{N} (i int check (f{N}()))",
            "insert into t{N} values (1)",
        ],
    ),
    escapes(
        "function_in_a_domain",
        &[
            "create function f{N}() returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create domain d{N} as int check (f{N}())",
            "select 1::d{N}",
        ],
    ),
    escapes(
        "function_in_a_view",
        &[
            "create function f{N}() returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create view v{N} as select f{N}()",
            "table v{N}",
        ],
    ),
    escapes(
        "function_in_a_policy",
        &[
            "create function f{N}() returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create table t{N} as select 1 as x",
            "alter table t{N} enable row level security",
            "alter table t{N} force row level security",
            "create policy p on t{N} using (f{N}())",
            "table t{N}",
        ],
    ),
    escapes(
        "function_in_a_rule",
        &[
            "create function f{N}() returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create table t{N} (x int)",
            "create rule r as on delete to t{N} do instead select f{N}()",
            "delete from t{N}",
        ],
    ),
    dead_end(
        "function_in_an_index",
        &[
            "create function f{N}(int) returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} as select 1 as x",
            "create index on t{N} (f{N}(x))",
            "insert into t{N} values (2)",
        ],
    ),
    escapes(
        "function_in_an_index_of_an_empty_table",
        &[
            "create function f{N}(int) returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} (x int)",
            "create index on t{N} (f{N}(x))",
            "insert into t{N} values (2)",
        ],
    ),
    escapes(
        "function_in_an_index_predicate",
        &[
            "create function f{N}(int) returns bool immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return true; end$$",
            "create table t{N} (x int)",
            "create index on t{N} (x) where f{N}(x)",
            "insert into t{N} values (2)",
        ],
    ),
    escapes(
        "function_in_a_generated_column",
        &[
            "create function f{N}(int) returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} (x int, y int generated always as (f{N}(x)) stored)",
            "insert into t{N} values (2)",
        ],
    ),
    escapes(
        "function_in_a_partition_key",
        &[
            "create function f{N}(int) returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} (x int) partition by list (f{N}(x))",
            "create table t{N}a partition of t{N} default",
            "insert into t{N} values (2)",
        ],
    ),
    dead_end(
        "function_in_statistics",
        &[
            "create function f{N}(int) returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} as select 1 as x",
            "create statistics s{N} on (f{N}(x)) from t{N}",
            "analyze t{N}",
        ],
    ),
    dead_end(
        "function_in_a_materialized_view",
        &[
            "create function f{N}() returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create materialized view m{N} as select f{N}() with no data",
            "refresh materialized view m{N}",
        ],
    ),
    escapes(
        "immutable_function_at_plain_explain",
        &[
            "create function f{N}() returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "explain select f{N}()",
        ],
    ),
    escapes(
        "immutable_function_at_create_view_and_explain",
        &[
            "create function f{N}() returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create view v{N} as select 1 as x where f{N}() = 1",
            "grant select on v{N} to {B}",
            "explain table v{N}",
        ],
    ),
    escapes(
        "stable_function_estimated_by_the_planner",
        &[
            "create function f{N}() returns int stable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} as select generate_series(1, 100) as x",
            "grant select on t{N} to {B}",
            "analyze t{N}",
            "explain select * from t{N} where x < f{N}()",
        ],
    ),
    escapes(
        "operator",
        &[
            "create function f{N}(int, int) returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create operator <{OP}> (leftarg = int, rightarg = int, function = f{N})",
            "select 1 operator({A}.<{OP}>) 2",
        ],
    ),
    escapes(
        "operator_that_shadows_equality",
        &[
            "set search_path = {A}, pg_catalog",
            "create function f{N}(text, text) returns bool language plpgsql as $$begin set role {B}; return true; end$$",
            "create operator {A}.= (leftarg = text, rightarg = text, function = f{N})",
            "select 'a'::text = 'b'::text",
            "drop operator {A}.= (text, text)",
        ],
    ),
    escapes(
        "cast",
        &[
            "create type ty{N} as (x int)",
            "create function f{N}(ty{N}) returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create cast (ty{N} as int) with function f{N}(ty{N})",
            "select row(1)::ty{N}::int",
        ],
    ),
    escapes(
        "cast_on_assignment",
        &[
            "create type ty{N} as (x int)",
            "create function f{N}(ty{N}) returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create cast (ty{N} as int) with function f{N}(ty{N}) as assignment",
            "create table t{N} (x int)",
            "insert into t{N} select row(1)::ty{N}",
        ],
    ),
    escapes(
        "transition_function",
        &[
            "create function f{N}(int, int) returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create aggregate a{N}(int) (sfunc = f{N}, stype = int, initcond = '0')",
            "select a{N}(1)",
        ],
    ),
    escapes(
        "final_function",
        &[
            "create function f{N}(int) returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create aggregate a{N}(int) (sfunc = int4pl, stype = int, initcond = '0', finalfunc = f{N})",
            "select a{N}(1)",
        ],
    ),
    escapes(
        "aggregate_over_a_window",
        &[
            "create function f{N}(int, int) returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create aggregate a{N}(int) (sfunc = f{N}, stype = int, initcond = '0', msfunc = f{N}, minvfunc = f{N}, mstype = int, minitcond = '0')",
            "select a{N}(x) over (rows 1 preceding) from generate_series(1, 3) x",
        ],
    ),
    escapes(
        "aggregate_altered_as_a_routine",
        &[
            "create function f{N}(int, int) returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create aggregate a{N}(int) (sfunc = f{N}, stype = int, initcond = '0')",
            "alter routine f{N}(int, int) security invoker",
            "alter routine a{N}(int) set role = {B}",
            "select a{N}(1)",
        ],
    ),
    escapes(
        "subtype_difference_of_a_range",
        &[
            "create function f{N}(int, int) returns float8 immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create type r{N} as range (subtype = int, subtype_diff = f{N})",
            "create table t{N} (x r{N})",
            "create index on t{N} using gist (x)",
            "insert into t{N} select r{N}(i, i + 5) from generate_series(1, 1000) i",
        ],
    ),
    escapes(
        "exclusion_constraint",
        &[
            "create function f{N}(int) returns int immutable language plpgsql as $$begin perform set_config('role', '{B}', false); return 1; end$$",
            "create table t{N} (x int, exclude using btree (f{N}(x) with =))",
            "insert into t{N} values (1)",
        ],
    ),
    escapes(
        "set_returning_function_in_from",
        &[
            "create function f{N}() returns setof int language plpgsql as $$begin set role {B}; return next 1; end$$",
            "select * from f{N}()",
        ],
    ),
    escapes(
        "function_that_returns_a_table",
        &[
            "create function f{N}() returns table (x text) language plpgsql as $$begin return query execute 'select set_config(''role'', ''{B}'', false)'; end$$",
            "select * from f{N}()",
        ],
    ),
    escapes(
        "polymorphic_variadic_function",
        &[
            "create function f{N}(variadic x anyarray) returns anyelement language plpgsql as $$begin set role {B}; return x[1]; end$$",
            "select f{N}(1, 2)",
        ],
    ),
    escapes(
        "function_that_opens_a_cursor",
        &[
            "create function f{N}() returns refcursor language plpgsql as $$declare c refcursor := 'c'; begin open c for select set_config('role', '{B}', false); return c; end$$",
            "begin",
            "select f{N}()",
            "fetch all from c",
            "commit",
        ],
    ),
    escapes(
        "function_that_prepares",
        &[
            "create function f{N}() returns void language plpgsql as $$begin execute 'prepare fp{N} as select set_config(''role'', ''{B}'', false)'; end$$",
            "select f{N}()",
            "execute fp{N}",
        ],
    ),
    escapes(
        "function_called_by_query_to_xml",
        &[
            "create function f{N}() returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "select query_to_xml('select f{N}()', true, true, '')",
        ],
    ),
    escapes(
        "function_called_by_table_to_xml",
        &[
            "create function f{N}() returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "create view v{N} as select f{N}()",
            "select table_to_xml('v{N}', true, true, '')",
            "select schema_to_xml('{A}', true, true, '')",
        ],
    ),
    escapes(
        "function_called_by_ts_stat",
        &[
            "create function f{N}() returns tsvector language plpgsql as $$begin set role {B}; return 'a'; end$$",
            "select * from ts_stat('select f{N}()')",
        ],
    ),
    escapes(
        "function_called_by_ts_rewrite",
        &[
            "create function f{N}() returns tsquery language plpgsql as $$begin set role {B}; return 'a'; end$$",
            "select ts_rewrite('a & b'::tsquery, 'select f{N}(), ''c''::tsquery')",
        ],
    ),
    escapes(
        "function_called_by_cursor_to_xml",
        &[
            "create function f{N}() returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "begin",
            "declare c cursor for select f{N}()",
            "select cursor_to_xml('c', 1, true, true, '')",
            "commit",
        ],
    ),
    escapes(
        "function_called_in_an_aborted_savepoint",
        &[
            "create function f{N}() returns int language plpgsql as $$begin set role {B}; return 1; end$$",
            "begin",
            "savepoint s",
            "select f{N}(), query_to_xml('table {B}.notes', true, true, '')",
            "rollback to s",
            "select f{N}()",
            "table {B}.notes",
            "rollback",
        ],
    ),
    escapes(
        "function_that_hides_behind_set_config",
        &[
            "create function {A}.set_config(text, text, bool) returns text language plpgsql as $$begin execute 'set role {B}'; return ''; end$$",
            "set search_path = {A}, pg_catalog",
            "select set_config('a', 'b', false)",
            "drop function {A}.set_config(text, text, bool)",
        ],
    ),
    escapes(
        "function_for_an_operator_class",
        &[
            "create function f{N}(int, int) returns bool language plpgsql immutable as $$begin perform set_config('role', '{B}', false); return true; end$$",
            "create operator <{OP}= (leftarg = int, rightarg = int, function = f{N}, restrict = scalarltsel, join = scalarltjoinsel)",
            "explain select 1 where 1 operator({A}.<{OP}=) 2",
        ],
    ),
];

/// On the hardening itself.
pub(crate) const TAMPERING: &[Route] = &[
    dead_end(
        "drop_event_trigger",
        &["drop event trigger pgtenant_guard_1_definer", "drop event trigger pgtenant_guard_2_validate"],
    ),
    dead_end(
        "disable_event_trigger",
        &[
            "alter event trigger pgtenant_guard_1_definer disable",
            "alter event trigger pgtenant_guard_1_definer enable replica",
        ],
    ),
    dead_end("own_event_trigger", &["alter event trigger pgtenant_guard_1_definer owner to {A}"]),
    dead_end("drop_wrapper", &["drop function pg_catalog.set_config(text, text, boolean)"]),
    dead_end("drop_guard_schema", &["drop schema pgtenant_guard cascade"]),
    dead_end("drop_owned_by_the_guard", &["drop owned by {G}", "reassign owned by {G} to {A}"]),
    dead_end(
        "become_the_guard",
        &[
            "create function f{N}() returns void language plpgsql as $$begin set role {G}; end$$",
            "select f{N}()",
            "select set_config('role', '{G}', false)",
        ],
    ),
    dead_end("join_the_guard", &["grant {G} to {A}"]),
    dead_end(
        "replace_wrapper",
        &[
            "create or replace function pg_catalog.set_config(text, text, boolean) returns text language sql as 'select $1'",
        ],
    ),
    dead_end(
        "alter_wrapper",
        &[
            "alter function pg_catalog.set_config(text, text, boolean) security invoker",
            "alter function pg_catalog.set_config(text, text, boolean) owner to {A}",
        ],
    ),
    dead_end(
        "grant_the_moved_function",
        &[
            "grant execute on function pgtenant_guard.set_config(text, text, boolean) to {A}",
            "grant usage on schema pgtenant_guard to {A}",
        ],
    ),
    dead_end(
        "create_in_guard_schema",
        &[
            "create function pgtenant_guard.set_config(text, text, bool, int) returns text language sql as 'select $1'",
        ],
    ),
    dead_end(
        "call_helpers",
        &[
            "select pgtenant_guard.tenant()",
            "select pgtenant_guard.salted('{B}', '\\x00')",
            "select pgtenant_guard.channel('{B}', 'x')",
        ],
    ),
    dead_end(
        "call_the_event_trigger_function",
        &[
            "select pgtenant_guard.on_definer()",
            "create table t{N} ()",
            "create trigger t before insert on t{N} execute function pgtenant_guard.on_definer()",
        ],
    ),
    dead_end(
        "change_the_language",
        &[
            "create or replace language plpgsql",
            "alter language plpgsql owner to {A}",
            "update pg_language set lanvalidator = 2248",
            "drop extension plpgsql",
        ],
    ),
    dead_end(
        "language_internal",
        &[
            "create function f{N}(text, text, bool) returns text language internal as 'set_config_by_name'",
            "select f{N}('role', '{B}', false)",
        ],
    ),
    dead_end(
        "language_c",
        &[
            "create function f{N}(text, text, bool) returns text language c as '$libdir/plpgsql', 'plpgsql_call_handler'",
        ],
    ),
    dead_end(
        "new_language",
        &[
            "create language plperl",
            "create extension plperl",
            "create extension dblink",
            "create trusted language x{N} handler plpgsql_call_handler",
        ],
    ),
    dead_end(
        "change_pg_proc",
        &[
            "update pg_proc set prosecdef = false where proowner = '{A}'::regrole",
            "update pg_proc set proowner = 10 where proname = 'set_config'",
        ],
    ),
    dead_end(
        "role_setting_of_a_role",
        &[
            "alter role {A} set role = '{B}'",
            "create function f{N}() returns void language plpgsql as $$begin execute 'alter role {A} set session_authorization = {B}'; end$$",
            "select f{N}()",
            "alter role {A} reset role",
        ],
    ),
    dead_end(
        "function_given_to_the_other_tenant",
        &[
            "create function f{N}() returns text language plpgsql as $$begin return query_to_xml('table {B}.notes', true, true, '')::text; end$$",
            "alter function f{N}() owner to {B}",
            "select f{N}()",
        ],
    ),
    dead_end(
        "function_given_to_the_login",
        &[
            "create function pg_temp.f{N}() returns void language plpgsql as $$begin set role {B}; end$$",
            "alter function pg_temp.f{N}() owner to {P}",
            "select pg_temp.f{N}()",
        ],
    ),
    dead_end(
        "helpers_with_shadowed_operators_and_functions",
        &[
            "create function {A}.stolen{N}() returns void language plpgsql as $$begin perform query_to_xml('table {B}.notes', true, true, ''); end$$",
            "create function {A}.concat(text, text) returns text language plpgsql as $$begin perform {A}.stolen{N}(); return 'own'; end$$",
            "create function {A}.octet_length(text) returns int language plpgsql as $$begin perform {A}.stolen{N}(); return 1; end$$",
            "create function {A}.to_regrole(text) returns regrole language plpgsql as $$begin return '{B}'::regrole; end$$",
            "create function {A}.oideq{N}(oid, oid) returns bool language plpgsql as $$begin perform {A}.stolen{N}(); return true; end$$",
            "create operator {A}.= (leftarg = oid, rightarg = oid, function = {A}.oideq{N})",
            "create domain {A}.text as pg_catalog.int4",
            "create domain {A}.oid as pg_catalog.int4",
            "create domain {A}.bytea as pg_catalog.int4",
            "set search_path = {A}, pg_catalog",
            "select pg_catalog.set_config('my.a', 'b', false)",
            "select pg_advisory_xact_lock(1)",
            "select pg_notify('c', 'd')",
            "create function f{N}() returns pg_catalog.int4 language sql as 'select 1'",
            "select f{N}()",
            "drop operator {A}.= (pg_catalog.oid, pg_catalog.oid)",
            "drop domain {A}.text, {A}.oid, {A}.bytea",
            "drop function {A}.concat, {A}.octet_length, {A}.to_regrole",
        ],
    ),
];
