-- allow
SELECT * FROM current_schema()
