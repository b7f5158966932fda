-- deny: role_change
SET "RoLe" TO tenant_beta;
