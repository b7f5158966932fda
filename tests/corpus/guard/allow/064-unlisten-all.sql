-- allow
UNLISTEN *;
