-- allow
CREATE TABLE pg_temp.x (a int);
