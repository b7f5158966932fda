-- deny: cross_schema
CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM tenant_beta.f;
