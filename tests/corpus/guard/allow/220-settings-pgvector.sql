-- allow
SET hnsw.ef_search = 100; SET LOCAL ivfflat.probes = 10; SET hnsw.iterative_scan = strict_order; SELECT set_config('pg_trgm.similarity_threshold', '0.5', false);
