-- deny: server_administration
LOAD 'dblink';
