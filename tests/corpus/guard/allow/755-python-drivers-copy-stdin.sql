-- allow
COPY items (name) FROM STDIN WITH (FORMAT csv)
