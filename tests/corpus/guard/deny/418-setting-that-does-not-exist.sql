-- deny: setting
SET statment_timeout = 1;
