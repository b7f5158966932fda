-- deny: fixed_setting
SELECT set_config('client_encoding', $1, false);
