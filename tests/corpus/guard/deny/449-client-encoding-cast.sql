-- deny: fixed_setting
SELECT set_config('client_encoding', 'utf8'::my_domain, false);
