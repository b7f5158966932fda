-- allow
SHOW search_path; SHOW ALL;
