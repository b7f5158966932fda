-- deny: notify
NOTIFY c, 'x';
