-- allow
SHOW search_path
