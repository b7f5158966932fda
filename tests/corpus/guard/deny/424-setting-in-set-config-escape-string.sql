-- deny: setting
SELECT set_config(E'\x74race_sort', 'on', false);
