-- deny: role_change
SELECT set_config('session_authorization', 'postgres', true);
