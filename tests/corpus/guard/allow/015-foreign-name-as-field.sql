-- allow
SELECT (c.address).tenant_beta.x FROM customers c;
