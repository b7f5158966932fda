-- shared: other_sessions
SELECT pg_terminate_backend(1234);
