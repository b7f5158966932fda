-- unhardened: opaque_code
SELECT tenant_alpha.delete_queue($1)
