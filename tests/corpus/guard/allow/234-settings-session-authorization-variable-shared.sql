-- shared: role_change
SET LOCAL session_authorization TO DEFAULT;
