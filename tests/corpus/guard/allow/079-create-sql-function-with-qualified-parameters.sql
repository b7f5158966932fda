-- unhardened: opaque_code
CREATE FUNCTION tenant_beta(p customers) RETURNS text LANGUAGE sql AS 'SELECT tenant_beta.p.name'; SELECT ts_rewrite('a & b', 'a', 'c.d | e');
