-- deny: role_change
SELECT set_config('role', NULL, false);
