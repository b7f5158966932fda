-- shared: role_change
RESET SESSION AUTHORIZATION;
