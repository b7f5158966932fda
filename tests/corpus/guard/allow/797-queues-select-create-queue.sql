-- unhardened: opaque_code
SELECT tenant_alpha.create_queue($1, $2)
