-- deny: role_change
SELECT set_config('role', 'no' || 'ne', false);
