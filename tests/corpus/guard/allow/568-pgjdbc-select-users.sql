-- allow
SELECT m, tags, NULL::mood[], NULL::users FROM users
