-- allow
SET SESSION statement_timeout TO 20000
