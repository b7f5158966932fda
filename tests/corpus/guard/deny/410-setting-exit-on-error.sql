-- deny: setting
SET exit_on_error = true;
