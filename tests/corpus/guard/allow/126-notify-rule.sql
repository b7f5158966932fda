-- shared: notify
CREATE RULE r AS ON INSERT TO customers DO ALSO NOTIFY c;
