-- deny: role_change
SET LOCAL ROLE tenant_beta;
