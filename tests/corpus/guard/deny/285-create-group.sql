-- deny: role_management
CREATE GROUP x;
