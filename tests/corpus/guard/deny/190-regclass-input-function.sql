-- deny: cross_schema
SELECT regclassin('tenant_beta.customers');
