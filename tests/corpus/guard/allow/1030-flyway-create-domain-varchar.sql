-- allow
CREATE DOMAIN short AS varchar(5)
