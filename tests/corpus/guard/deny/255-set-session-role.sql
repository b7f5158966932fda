-- deny: role_change
SET SESSION ROLE tenant_beta;
