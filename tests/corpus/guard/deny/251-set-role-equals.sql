-- deny: role_change
SET role = tenant_beta;
