-- allow
SET work_mem = '256MB'; SET LOCAL maintenance_work_mem TO '1GB'; SET max_parallel_workers_per_gather = 0; SET temp_buffers = '32MB'; SET hash_mem_multiplier = 2;
