-- deny: fixed_setting
SET client_encoding = GBK;
