-- deny: cross_schema
ANALYZE pgtenant.schema_versions;
