-- allow
SET enable_seqscan = off; SET LOCAL random_page_cost = 1.1; SET geqo_threshold = 20; SET jit_above_cost = -1; SET plan_cache_mode = force_custom_plan; SET from_collapse_limit = 20; SET effective_cache_size = '4GB';
