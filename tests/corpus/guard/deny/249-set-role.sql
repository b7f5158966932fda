-- deny: role_change
SET ROLE tenant_beta;
