-- shared: role_change
SET ROLE NONE;
