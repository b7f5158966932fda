-- allow
DROP SEQUENCE numbers_n
