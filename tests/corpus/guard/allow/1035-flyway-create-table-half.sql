-- allow
CREATE TABLE half (id int)
