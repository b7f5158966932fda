-- deny: cross_schema
SELECT to_regnamespace('tenant_beta');
