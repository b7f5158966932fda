-- deny: cross_schema
SELECT $x$ $y$ -- $x$; SELECT * FROM tenant_beta.customers;
