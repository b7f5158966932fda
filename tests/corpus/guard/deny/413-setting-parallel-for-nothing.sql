-- deny: setting
SET debug_parallel_query = on;
