-- deny: cross_schema
LOCK TABLE pgtenant.schema_versions IN ACCESS SHARE MODE
