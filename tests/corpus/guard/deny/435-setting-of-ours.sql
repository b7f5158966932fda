-- deny: setting
SET pgtenant.tenant = 'beta';
