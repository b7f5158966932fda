-- allow
SELECT $$ SELECT * FROM tenant_beta.customers $$;
