-- deny: server_administration
GRANT SET ON PARAMETER work_mem TO PUBLIC;
