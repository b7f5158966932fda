-- deny: setting
SET "auto-explain.log_min_duration" = 0;
