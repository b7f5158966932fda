-- deny: setting
SET password_encryption = 'md5';
