-- allow
select current_setting('server_version_num') as server_version_num
