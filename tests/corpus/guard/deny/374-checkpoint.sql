-- deny: server_administration
CHECKPOINT;
