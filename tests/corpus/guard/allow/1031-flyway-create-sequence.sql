-- allow
CREATE SEQUENCE numbers
