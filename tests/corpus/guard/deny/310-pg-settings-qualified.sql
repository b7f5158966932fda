-- deny: fixed_setting
UPDATE pg_catalog.pg_settings SET setting = 'off';
