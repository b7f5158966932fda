-- allow
SET default_with_oids = false; SET sort_mem = 1024; SET vacuum_mem = 1024; SET ssl_renegotiation_limit = 0;
