-- deny: setting
SELECT set_config('pgtenant.tenant', 'beta', true);
