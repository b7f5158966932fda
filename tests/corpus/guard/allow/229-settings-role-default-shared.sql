-- shared: role_change
SET ROLE TO DEFAULT;
