-- allow
SET client_min_messages TO 'warning'
