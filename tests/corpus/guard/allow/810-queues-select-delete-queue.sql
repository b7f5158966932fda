-- allow
SELECT tenant_alpha.delete_queue($1)
