-- unhardened: opaque_code
CALL tenant_alpha.p(1, $1);
