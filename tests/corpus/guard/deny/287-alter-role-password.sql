-- deny: role_management
ALTER USER CURRENT_USER PASSWORD 'x';
