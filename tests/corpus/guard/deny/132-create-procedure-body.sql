-- deny: cross_schema
CREATE PROCEDURE p() LANGUAGE SQL AS $$ DELETE FROM tenant_beta.customers $$;
