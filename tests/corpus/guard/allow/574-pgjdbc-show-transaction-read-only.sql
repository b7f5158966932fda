-- allow
show transaction_read_only
