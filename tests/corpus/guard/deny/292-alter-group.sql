-- deny: role_management
ALTER GROUP x ADD USER y;
