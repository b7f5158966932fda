-- deny: setting
SET SESSION log_parameter_max_length_on_error = -1;
