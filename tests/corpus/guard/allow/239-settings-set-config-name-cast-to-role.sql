-- unhardened: opaque_code
SELECT set_config('role.x'::varchar(4), 'tenant_beta', false);
