-- allow
SET application_name = 'other'
