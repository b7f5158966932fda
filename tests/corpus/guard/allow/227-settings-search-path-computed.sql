-- allow
SELECT set_config('search_path', $1, false); SELECT set_config('search_path', current_setting('search_path') || ', global', true);
