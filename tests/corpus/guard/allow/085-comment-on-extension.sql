-- allow
COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language'; COMMENT ON SCHEMA tenant_alpha IS 'x';
