-- allow
COPY users (name) FROM STDIN
