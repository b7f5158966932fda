-- deny: setting
SET hnsw.something_new = 1;
