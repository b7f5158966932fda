-- deny: setting
PREPARE p AS SELECT set_config('trace_sort', $1, false);
