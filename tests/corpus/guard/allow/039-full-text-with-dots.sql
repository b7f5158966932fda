-- allow
SELECT to_tsvector('e.g. this. and that.');
