-- deny: server_administration
ALTER DATABASE app SET search_path = tenant_beta;
