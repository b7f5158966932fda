-- deny: cross_schema
SELECT E'\'', x FROM tenant_beta.customers -- '
