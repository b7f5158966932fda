-- deny: notify
UNLISTEN c;
