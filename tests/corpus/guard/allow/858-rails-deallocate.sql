-- allow
DEALLOCATE a1
