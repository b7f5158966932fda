-- deny: fixed_setting
SET LOCAL client_encoding = 'LATIN1';
