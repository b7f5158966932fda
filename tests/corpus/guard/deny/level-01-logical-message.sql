-- deny: server_administration
SELECT pg_logical_emit_message(true, 'other', 'text');
