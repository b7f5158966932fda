-- deny: setting
SELECT set_config('debug_print_plan', 'on', true);
