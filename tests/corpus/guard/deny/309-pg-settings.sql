-- deny: fixed_setting
UPDATE pg_settings SET setting = 'GBK' WHERE name = 'client_encoding';
