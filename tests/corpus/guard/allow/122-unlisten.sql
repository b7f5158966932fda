-- allow
UNLISTEN c;
