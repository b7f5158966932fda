-- deny: setting
SET auto_explain.log_min_duration = 0;
