-- deny: search_path
SET "Search_Path" = tenant_beta;
