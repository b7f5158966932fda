-- deny: role_change
SET session_authorization = postgres;
