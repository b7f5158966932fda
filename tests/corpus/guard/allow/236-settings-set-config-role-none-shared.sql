-- shared: role_change
SELECT set_config('ROLE', 'none', true);
