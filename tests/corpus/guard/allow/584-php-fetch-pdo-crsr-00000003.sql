-- allow
FETCH LAST FROM pdo_crsr_00000003
