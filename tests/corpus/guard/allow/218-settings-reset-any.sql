-- allow
RESET local_preload_libraries; RESET no_such_setting; SET trace_sort TO DEFAULT; RESET auto_explain.log_min_duration; RESET ALL; SET TIME ZONE LOCAL;
