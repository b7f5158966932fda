-- deny: server_administration
REINDEX DATABASE app;
