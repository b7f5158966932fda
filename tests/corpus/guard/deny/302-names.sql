-- deny: fixed_setting
SET NAMES 'BIG5';
