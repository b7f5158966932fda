-- allow
COPY customers (name) FROM STDIN
