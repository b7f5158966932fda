-- deny: cross_schema
SELECT to_regclass('pgboss.version') as name
