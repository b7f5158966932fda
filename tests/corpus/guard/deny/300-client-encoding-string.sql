-- deny: fixed_setting
SET CLIENT_ENCODING TO 'SJIS';
