-- deny: setting
SET set_user.block_log_statement = off;
