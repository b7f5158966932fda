-- allow
COPY notes (body) TO STDOUT
