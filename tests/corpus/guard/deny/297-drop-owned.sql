-- deny: role_management
DROP OWNED BY CURRENT_USER;
