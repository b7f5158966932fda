-- deny: server_administration
SELECT pg_log_backend_memory_contexts(1);
