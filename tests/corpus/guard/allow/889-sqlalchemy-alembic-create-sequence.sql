-- allow
CREATE SEQUENCE numbers_n
