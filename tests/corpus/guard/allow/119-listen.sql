-- allow
LISTEN c;
