-- deny: setting
CREATE TABLE t (a text DEFAULT set_config('trace_sort', 'on', false));
