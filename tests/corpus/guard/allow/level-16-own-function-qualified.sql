-- unhardened: opaque_code
SELECT tenant_alpha.total(7);
