-- deny: cross_schema
CREATE TABLE IF NOT EXISTS tenant_beta.x ();
