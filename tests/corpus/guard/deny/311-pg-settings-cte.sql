-- deny: fixed_setting
WITH x AS (UPDATE pg_settings SET setting = 'off' RETURNING 1) SELECT 1;
