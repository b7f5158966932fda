-- deny: role_change
SET SESSION AUTHORIZATION tenant_beta;
