-- deny: fixed_setting
SELECT set_config('client_encoding', 'GB18030', true);
