-- shared: role_change
BEGIN; SET LOCAL ROLE "none"; COMMIT;
