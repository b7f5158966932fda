-- allow
SET LOCAL statement_timeout = 1000
