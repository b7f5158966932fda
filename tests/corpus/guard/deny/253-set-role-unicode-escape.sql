-- deny: role_change
SET U&"\0072ole" TO tenant_beta;
