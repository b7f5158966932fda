-- allow
DEALLOCATE pdo_stmt_00000001
