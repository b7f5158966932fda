-- deny: server_administration
REINDEX SYSTEM app;
