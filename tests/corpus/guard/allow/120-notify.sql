-- allow
NOTIFY c;
