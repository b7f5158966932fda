-- deny: server_administration
SELECT * FROM pg_logical_slot_peek_changes('other', NULL, NULL);
