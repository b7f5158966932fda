-- deny: notify
LISTEN c;
