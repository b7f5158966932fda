-- deny: role_change
ALTER PROCEDURE p() SET session_authorization TO postgres;
