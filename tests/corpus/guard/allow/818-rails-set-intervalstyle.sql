-- allow
SET intervalstyle = iso_8601
