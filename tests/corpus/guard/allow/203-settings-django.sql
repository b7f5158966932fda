-- allow
SELECT set_config('TimeZone', 'UTC', false); SET TIME ZONE 'Europe/Paris';
