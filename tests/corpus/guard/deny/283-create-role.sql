-- deny: role_management
CREATE ROLE x;
