-- deny: fixed_setting
SELECT set_config('standard_conforming_strings', 'off', false);
