-- deny: role_change
BEGIN; SET ROLE tenant_beta; SELECT 1;
