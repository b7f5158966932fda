-- allow
CLOSE pdo_crsr_00000003
