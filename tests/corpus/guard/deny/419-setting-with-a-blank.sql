-- deny: setting
SELECT set_config('work_mem ', '1MB', false);
