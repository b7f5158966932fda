-- What belongs to nobody or to the operator, and what watches.
CREATE TABLE public.customers (id int, name text);
INSERT INTO public.customers VALUES (1, 'MARKER');
CREATE TABLE base_template.customers (id int, name text);
INSERT INTO base_template.customers VALUES (1, 'MARKER');
UPDATE pgtenant.tenants SET name = 'MARKER' WHERE slug = 'beta';
CREATE SCHEMA tenant_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb;
CREATE TABLE tenant_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.customers (id int, name text);
INSERT INTO tenant_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.customers VALUES (1, 'MARKER');
CREATE SCHEMA "TENANT_ALPHA";
CREATE TABLE "TENANT_ALPHA".customers (id int, name text);
INSERT INTO "TENANT_ALPHA".customers VALUES (1, 'MARKER');
CREATE SCHEMA "tenant_alpha ";
CREATE TABLE "tenant_alpha ".customers (id int, name text);
INSERT INTO "tenant_alpha ".customers VALUES (1, 'MARKER');

-- Shared by all, with a row security policy that shows each tenant its own.
CREATE TABLE global.messages (tenant name, body text UNIQUE);
INSERT INTO global.messages SELECT 'tenant_beta', 'MARKER ' || n FROM generate_series(1, 500) AS n;
INSERT INTO global.messages VALUES ('tenant_alpha', 'for alpha');
ALTER TABLE global.messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON global.messages USING (tenant = current_user);
GRANT SELECT ON global.messages TO PUBLIC;
CREATE VIEW global.names WITH (security_barrier) AS
    SELECT tenant, body FROM (VALUES ('tenant_alpha'::name, 'for alpha')) AS x(tenant, body) WHERE tenant = current_user;
GRANT SELECT ON global.names TO PUBLIC;
-- As the extension tablefunc has it.
CREATE FUNCTION global.crosstab(sql text) RETURNS SETOF record LANGUAGE plpgsql AS
    'BEGIN RETURN QUERY EXECUTE format(''SELECT a, b FROM (%s) AS x'', sql); END';
ANALYZE global.messages;

CREATE OPERATOR CLASS tenant_beta.ops FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
    OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 pg_catalog.bttextcmp(text, text);
CREATE ROLE x;
CREATE ROLE y;
CREATE ROLE someone;

CREATE SCHEMA harness;
-- Rows, definitions, rights and statistics of all that is in these schemas or depends on them. The table
-- `ledger` changes while the tests run: its rows are left out.
CREATE FUNCTION harness.schemas(wanted name[]) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    said text := '';
    part text;
    row record;
    classes oid[];
    objects oid[];
BEGIN
    WITH RECURSIVE o(class, object) AS (
        SELECT 'pg_namespace'::regclass::oid, oid FROM pg_namespace WHERE nspname = ANY (wanted)
        UNION SELECT d.classid, d.objid FROM o JOIN pg_depend d ON d.refclassid = o.class AND d.refobjid = o.object)
    SELECT array_agg(class), array_agg(object) INTO classes, objects FROM o;
    FOR row IN SELECT class, array_agg(object) AS objects FROM unnest(classes, objects) AS o(class, object)
            GROUP BY class ORDER BY class LOOP
        EXECUTE format('SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM %s AS t WHERE oid = ANY ($1)', row.class::regclass)
            INTO part USING row.objects;
        said := said || row.class::regclass || ': ' || part || chr(10);
    END LOOP;
    FOR row IN SELECT * FROM (VALUES ('pg_attribute', 'attrelid'), ('pg_index', 'indexrelid'), ('pg_enum', 'enumtypid'),
            ('pg_sequence', 'seqrelid'), ('pg_aggregate', 'aggfnoid'), ('pg_range', 'rngtypid'), ('pg_inherits', 'inhrelid'),
            ('pg_partitioned_table', 'partrelid'), ('pg_description', 'objoid'), ('pg_seclabel', 'objoid'),
            ('pg_statistic', 'starelid'), ('pg_ts_config_map', 'mapcfg'), ('pg_init_privs', 'objoid')) AS x(catalog, col) LOOP
        EXECUTE format('SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM %s AS t WHERE %I = ANY ($1)',
            row.catalog, row.col) INTO part USING objects;
        said := said || row.catalog || ': ' || coalesce(part, '') || chr(10);
    END LOOP;
    FOR row IN SELECT c.oid, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY (wanted) AND c.relkind IN ('r', 'S', 'm') AND c.relname <> 'ledger' ORDER BY n.nspname, 2 LOOP
        IF row.relkind = 'S' THEN
            EXECUTE format('SELECT concat(last_value, is_called) FROM %s', row.oid::regclass) INTO part;
        ELSE
            EXECUTE format('SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM %s AS t', row.oid::regclass) INTO part;
        END IF;
        said := said || row.relname || ' holds ' || coalesce(part, '') || chr(10);
    END LOOP;
    RETURN said;
END $$;
-- What is common to all (rights as they are in force: a GRANT without effect may write them out): roles but for the passwords that the harness sets again, and the attacker's settings, memberships, databases,
-- what an operator owns, large objects of others.
CREATE FUNCTION harness.common() RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT concat_ws(chr(10),
        (SELECT string_agg(concat_ws('|', oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
            rolreplication, rolbypassrls, CASE WHEN rolname NOT IN ('tenant_alpha', 'reader_alpha') THEN rolpassword END), chr(10) ORDER BY oid) FROM pg_authid),
        (SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM pg_auth_members t),
        (SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM pg_db_role_setting t
            WHERE setrole = 0 OR setrole <> 'tenant_alpha'::regrole),
        (SELECT string_agg(concat_ws('|', oid, datname, datdba, coalesce(datacl, acldefault('d', datdba)), datconnlimit, datallowconn, dattablespace), chr(10)
            ORDER BY oid) FROM pg_database),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_tablespace t),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_extension t),
        (SELECT string_agg(concat_ws('|', oid, lanname, lanowner, lanpltrusted, lanplcallfoid, laninline, lanvalidator,
            coalesce(lanacl, acldefault('l', lanowner))), chr(10) ORDER BY oid) FROM pg_language),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_event_trigger t),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_foreign_data_wrapper t),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_foreign_server t),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_publication t),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_am t),
        (SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM pg_parameter_acl t),
        (SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM pg_default_acl t WHERE defaclrole <> 'tenant_alpha'::regrole),
        (SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM pg_shdescription t),
        (SELECT string_agg(concat_ws('|', oid, nspname, nspowner, nspacl), chr(10) ORDER BY oid) FROM pg_namespace
            WHERE nspname <> 'tenant_alpha' AND nspname !~ '^pg_(toast_)?temp_'),
        (SELECT string_agg(t::text, chr(10) ORDER BY oid) FROM pg_largeobject_metadata t
            WHERE lomowner <> 'tenant_alpha'::regrole),
        (SELECT string_agg(l.data::text, chr(10) ORDER BY l.loid, l.pageno) FROM pg_largeobject l
            JOIN pg_largeobject_metadata t ON t.oid = l.loid WHERE lomowner <> 'tenant_alpha'::regrole),
        (SELECT string_agg(t::text, chr(10) ORDER BY name, sourceline) FROM pg_file_settings t))
$$;
CREATE FUNCTION harness.digest() RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT concat_ws(' ', md5(harness.schemas('{tenant_beta,public,global,base_template,pgtenant}')), md5(harness.common()))
$$;
-- What the attacker may do to what is not its own.
CREATE FUNCTION harness.rights() RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT concat_ws(chr(10),
        (SELECT string_agg(concat_ws('|', nspname, has_schema_privilege('tenant_alpha', oid, 'USAGE'),
            has_schema_privilege('tenant_alpha', oid, 'CREATE')), chr(10) ORDER BY nspname) FROM pg_namespace
            WHERE nspname !~ '^pg_(toast_)?temp_'),
        (SELECT string_agg(oid::regclass::text, chr(10) ORDER BY oid) FROM pg_class
            WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND relowner <> 'tenant_alpha'::regrole AND oid > 16383
            AND has_table_privilege('tenant_alpha', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')),
        (SELECT string_agg(rolname, chr(10) ORDER BY rolname) FROM pg_roles WHERE pg_has_role('tenant_alpha', oid, 'MEMBER')))
$$;
-- A cheap sign that the attacker changed something of its own.
CREATE FUNCTION harness.sign() RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT concat_ws('/', (SELECT count(*) FROM pg_depend), (SELECT count(*) FROM pg_shdepend), (SELECT count(*) FROM pg_db_role_setting),
        (SELECT concat(xmin, ctid) FROM pg_authid WHERE rolname = 'tenant_alpha'), (SELECT count(*) FROM pg_rewrite),
        (SELECT md5(string_agg(concat(xmin, ctid), '' ORDER BY oid)) FROM pg_class WHERE relowner = 'tenant_alpha'::regrole),
        (SELECT md5(string_agg(concat(xmin, ctid), '' ORDER BY oid)) FROM pg_proc WHERE proowner = 'tenant_alpha'::regrole),
        (SELECT string_agg(nspacl::text, '') FROM pg_namespace WHERE nspname = 'tenant_alpha'))
$$;
-- Relations of others that the transaction has used so far.
CREATE FUNCTION harness.used() RETURNS bigint LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE l.pid = pg_backend_pid() AND n.nspname !~ '^(pg_|tenant_alpha$|global$|harness$)'
$$;
REVOKE ALL ON SCHEMA harness FROM PUBLIC;
