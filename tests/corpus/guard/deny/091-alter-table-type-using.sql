-- deny: cross_schema
ALTER TABLE customers ALTER name TYPE text USING tenant_beta.f(name);
