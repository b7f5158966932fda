-- allow
NOTIFY c, 'x';
