-- deny: notify
NOTIFY c;
