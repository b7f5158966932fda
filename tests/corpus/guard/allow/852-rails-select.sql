-- allow
SELECT current_schema
