-- allow
COPY (SELECT * FROM customers) TO STDOUT;
