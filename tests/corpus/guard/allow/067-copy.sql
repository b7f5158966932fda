-- allow
COPY customers (id, name) FROM STDIN WITH (FORMAT csv, HEADER true, FORCE_NOT_NULL (id, name), FORCE_NULL (email, name));
