-- deny: role_management
CREATE USER x PASSWORD 'x';
