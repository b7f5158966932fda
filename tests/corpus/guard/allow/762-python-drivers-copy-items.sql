-- allow
COPY (SELECT name FROM items WHERE id > 0) TO STDOUT
