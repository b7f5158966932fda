-- allow
SELECT pg_catalog.current_setting('jit') AS cur, pg_catalog.set_config('jit', 'off', false) AS new;
