-- allow
CALL tenant_alpha.p(1, $1);
